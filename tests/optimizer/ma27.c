/* A stand-in for HSL's MA27 in tests: its four subroutines, for small dense matrices.

   P' A P = L D L' with 1x1 and 2x2 pivots chosen from the whole matrix (Bunch and Parlett 1971), so
   that the number of negative eigenvalues, which Ipopt asks for, is that of D. */

#include <math.h>
#include <stdlib.h>

static int size, *order, *block; /* block[k]: 1, or 2 and 0 for the two rows of a 2x2 pivot */
static double *factor;           /* L below the diagonal, D on it and beside it in 2x2 pivots */

#define AT(i, j) factor[(size_t)(i) * size + (j)]

static void exchange(int a, int b) {
    int k;
    double x;
    if (a == b) return;
    for (k = 0; k < size; k++) { x = AT(a, k); AT(a, k) = AT(b, k); AT(b, k) = x; }
    for (k = 0; k < size; k++) { x = AT(k, a); AT(k, a) = AT(k, b); AT(k, b) = x; }
    k = order[a], order[a] = order[b], order[b] = k;
}

static int factorize(int *negative) {
    const double alpha = (1 + sqrt(17)) / 8;
    int k = 0, i, j;
    *negative = 0;
    while (k < size) {
        double diagonal = -1, beside = -1;
        int p = k, r = k, c = k;
        for (i = k; i < size; i++) {
            if (fabs(AT(i, i)) > diagonal) diagonal = fabs(AT(i, i)), p = i;
            for (j = k; j < i; j++)
                if (fabs(AT(i, j)) > beside) beside = fabs(AT(i, j)), r = i, c = j;
        }
        if (diagonal <= 1e-300 && beside <= 1e-300) return k; /* singular: the rank */
        if (diagonal >= alpha * beside) {
            double d;
            exchange(k, p);
            d = AT(k, k);
            block[k] = 1;
            *negative += d < 0;
            for (i = k + 1; i < size; i++) {
                double l = AT(i, k) / d;
                for (j = k + 1; j < size; j++) AT(i, j) -= l * AT(k, j);
            }
            for (i = k + 1; i < size; i++) AT(i, k) /= d;
            k += 1;
        } else {
            double a, b, d, det;
            exchange(k, c);
            exchange(k + 1, r);
            a = AT(k, k), b = AT(k + 1, k), d = AT(k + 1, k + 1), det = a * d - b * b;
            block[k] = 2, block[k + 1] = 0;
            *negative += det < 0 ? 1 : (a < 0 ? 2 : 0);
            for (i = k + 2; i < size; i++) {
                double x = AT(i, k), y = AT(i, k + 1);
                double l = (d * x - b * y) / det, m = (a * y - b * x) / det;
                for (j = k + 2; j < size; j++) AT(i, j) -= l * AT(k, j) + m * AT(k + 1, j);
                AT(i, k) = l, AT(i, k + 1) = m;
            }
            k += 2;
        }
    }
    return size;
}

void ma27id_(int *icntl, double *cntl) {
    int k;
    for (k = 0; k < 30; k++) icntl[k] = 0;
    for (k = 0; k < 5; k++) cntl[k] = 0;
}

void ma27ad_(int *n, int *nz, int *irn, int *icn, int *iw, int *liw, int *ikeep, int *iw1,
             int *nsteps, int *iflag, int *icntl, double *cntl, int *info, double *ops) {
    size = *n;
    *nsteps = 1, *ops = 0;
    info[0] = info[1] = 0;
    info[4] = info[5] = *nz + *n;
}

void ma27bd_(int *n, int *nz, int *irn, int *icn, double *a, int *la, int *iw, int *liw, int *ikeep,
             int *nsteps, int *maxfrt, int *iw1, int *icntl, double *cntl, int *info) {
    int k, rank;
    size = *n;
    factor = realloc(factor, sizeof(double) * size * size);
    order = realloc(order, sizeof(int) * size);
    block = realloc(block, sizeof(int) * size);
    for (k = 0; k < size * size; k++) factor[k] = 0;
    for (k = 0; k < size; k++) order[k] = k;
    for (k = 0; k < *nz; k++) {
        int i = irn[k] - 1, j = icn[k] - 1;
        AT(i, j) += a[k];
        if (i != j) AT(j, i) += a[k];
    }
    *maxfrt = size;
    rank = factorize(&info[14]);
    info[0] = rank < size ? -5 : 0, info[1] = rank;
    info[11] = info[12] = 0;
}

void ma27cd_(int *n, double *a, int *la, int *iw, int *liw, double *w, int *maxfrt, double *rhs,
             int *iw1, int *nsteps, int *icntl, double *cntl) {
    int i, k;
    double *x = malloc(sizeof(double) * size);
    for (k = 0; k < size; k++) x[k] = rhs[order[k]];
    for (k = 0; k < size; k++) /* L y = x, column by column; those of a 2x2 pivot begin below it */
        for (i = k + (block[k] == 2 ? 2 : 1); i < size; i++) x[i] -= AT(i, k) * x[k];
    for (k = 0; k < size; k++) {
        if (block[k] == 1) {
            x[k] /= AT(k, k);
        } else {
            double p = AT(k, k), q = AT(k + 1, k), r = AT(k + 1, k + 1), det = p * r - q * q;
            double y = (r * x[k] - q * x[k + 1]) / det;
            x[k + 1] = (p * x[k + 1] - q * x[k]) / det, x[k] = y;
            k++;
        }
    }
    for (k = size - 1; k >= 0; k--)
        for (i = k + (block[k] == 2 ? 2 : 1); i < size; i++) x[k] -= AT(i, k) * x[i];
    for (k = 0; k < size; k++) rhs[order[k]] = x[k];
    free(x);
}
