function mpc = two_bus_q
% Two-bus system of the paper with reactive power costs
% Numbers from Wang and Geng, arXiv 2604.17603 (2026), Table II, but for the loads: the paper perturbs P_D = (.15, .95), Q_D = (.45, .05) without saying how; these are fitted to its figures; base 1 MVA
mpc.version = '2';
mpc.baseMVA = 1;

%	bus_i	type	Pd	Qd	Gs	Bs	area	Vm	Va	baseKV	zone	Vmax	Vmin
mpc.bus = [
	1	3	0.15	0.522531	0	0	1	1	0	1	1	1	1;
	2	2	0.931254	0.071756	0	0	1	1	0	1	1	1.05	0.95;
];

%	bus	Pg	Qg	Qmax	Qmin	Vg	mBase	status	Pmax	Pmin
mpc.gen = [
	1	0	0	2	-2	1	1	1	2.5	0;
	2	0	0	2	-2	1	1	1	2.5	0;
];

%	fbus	tbus	r	x	b	rateA	rateB	rateC	ratio	angle	status	angmin	angmax
mpc.branch = [
	1	2	0	0.125	0	3	0	0	0	0	1	-360	360;
];

%	2	startup	shutdown	n	c(n-1)	...	c0
mpc.gencost = [
	2	0	0	3	0.05	0.2	0;
	2	0	0	3	0.4	0.8	0;
	2	0	0	3	8	0	0;
	2	0	0	3	3	0	0;
];
