/* A process killed at the n-th operation that changes a file: fault.c. */
#ifndef VSYN_TESTS_FAULT_H
#define VSYN_TESTS_FAULT_H

/* Counts from 0 again; 0 = never. */
void fault_arm(long at_kill, long at_full);
long fault_count(void);

#endif /* VSYN_TESTS_FAULT_H */
