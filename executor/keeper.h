#ifndef PH_EXECUTOR_KEEPER_H
#define PH_EXECUTOR_KEEPER_H

/*
 * The first process of a program's namespaces: the node's own binary, with
 * this verb. It makes the namespaces, sees that the program finds its
 * directory writable and everything else not, and then only waits and reaps.
 * It is the node's child and dies with it, and the kernel kills with it
 * everything that is in its namespace of processes: nobody can leave it.
 */
#define PH_KEEPER_VERB "_keeper"

/* What it tells on its line, descriptor 0: who it is; and, when it was told the
 * program's directory there, that it is ready. */
struct ph_keeper_word {
	int error; /* an errno: it cannot, and ends */
	int pid;   /* as the node sees it; 0: it is ready */
};

/* posthouse _keeper FLAGS(hex, of clone(2)) */
int ph_keeper_main(int argc, char **argv);

#endif
