function mpc = two_bus_p
% Two-bus system of the paper, active power costs only
% Numbers from Wang and Geng, arXiv 2604.17603 (2026), section on the two-bus system, Table I; base 1 MVA, so MW read as per unit
mpc.version = '2';
mpc.baseMVA = 1;

%	bus_i	type	Pd	Qd	Gs	Bs	area	Vm	Va	baseKV	zone	Vmax	Vmin
mpc.bus = [
	1	3	0.45	0.45	0	0	1	1	0	1	1	1	1;
	2	2	0.7	0	0	0	1	1	0	1	1	1.05	0.95;
];

%	bus	Pg	Qg	Qmax	Qmin	Vg	mBase	status	Pmax	Pmin
mpc.gen = [
	1	0	0	2	-2	1	1	1	2.5	0;
	2	0	0	2	-2	1	1	1	2.5	0;
];

%	fbus	tbus	r	x	b	rateA	rateB	rateC	ratio	angle	status	angmin	angmax
mpc.branch = [
	1	2	0	0.1	0	3	0	0	0	0	1	-360	360;
];

%	2	startup	shutdown	n	c(n-1)	...	c0
mpc.gencost = [
	2	0	0	3	0.12	0.55	0;
	2	0	0	3	0.16	0.6	0;
];
