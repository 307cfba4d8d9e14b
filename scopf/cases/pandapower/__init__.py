"""pandapower nets as networks (`reading`), and solutions as their result tables (`writing`)."""
