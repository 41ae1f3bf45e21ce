/* Memory of this process, as Linux counts it: what is resident, and the most that ever was. */
#ifndef VSYN_GEN_MEMORY_H
#define VSYN_GEN_MEMORY_H

/* Bytes; 0 where the system does not tell. */
double vs_memory_now(void);
double vs_memory_peak(void);

#endif /* VSYN_GEN_MEMORY_H */
