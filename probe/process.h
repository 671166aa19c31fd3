#ifndef PH_PROBE_PROCESS_H
#define PH_PROBE_PROCESS_H

/*
 * The probe as a process of its own: this same binary, executed again by a
 * node. Its instructions come on descriptor 3, its secrets on descriptor 4;
 * neither stands in its arguments or environment. What it finds out goes to
 * the beacon, and back on descriptor 3.
 */
#define PH_PROBE_VERB	    "_probe"
#define PH_PROBE_ORDERS_FD  3
#define PH_PROBE_SECRETS_FD 4

/* After the library of secrets was started. Returns the exit code: enum
 * ph_probe_exit. */
int ph_probe_main(int argc, char **argv);

#endif
