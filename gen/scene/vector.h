/* VS_VECTOR before a function with plain loops: compiled once per kind of CPU, the best one is
 * chosen when the program starts. Only for integers, where every version gives the same bits. */
#ifndef VSYN_GEN_SCENE_VECTOR_H
#define VSYN_GEN_SCENE_VECTOR_H

/* Sanitizers instrument the choice itself, which runs before they are ready. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__OPTIMIZE__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VS_VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))
#else
#define VS_VECTOR
#endif

#endif /* VSYN_GEN_SCENE_VECTOR_H */
