/* Parity of the operations: what a case (cases.c) says of itself, and who runs it (parity.c).
 *
 * A case declares its operands, in the order of the operation's parameters or any other, and calls
 * the operation on both devices:
 *
 *     operand *const y = out_narrow(t, "y", N * K), *const x = in_narrow(t, "x", N * C);
 *     BOTH(t, matmul_fwd, AT(y), AT(x), ...);
 *
 * It is called once to compare the CPU (side 0, always fp32) with CUDA (side 1), and once more on
 * CUDA alone, which must give the same bits; the operands are then those of the first call. */
#ifndef VSYN_TESTS_OPS_PARITY_H
#define VSYN_TESTS_OPS_PARITY_H

#include "train/ops/ops.h"

/* What operands are filled with: uniform in (-1, 1) times 1, 6, 10^-6; 0; plus 100. */
typedef enum fill { PLAIN, LARGE, TINY, ZERO, OFFSET, FILLS } fill;
enum { F_PLAIN = 1, F_LARGE = 2, F_TINY = 4, F_ZERO = 8, F_OFFSET = 16, F_ALL = 31 };

typedef enum width { WIDE, NARROW, DOUBLE, BYTES, INTS } width;

typedef struct operand {
    const char *name;
    width width;
    bool in, out;
    int64_t n;
    void *host;                    /* what it is filled with: float, double, bytes or int32 */
    void *at[2];
} operand;

enum { OPERANDS = 12, SIZES = 5 };

typedef struct trial {
    vs_device *dev[2];
    const vs_ops *ops[2];
    bool bf16, again;
    int first;                     /* side */
    int n[SIZES];
    fill fill;
    uint64_t seed;
    operand list[OPERANDS];
    int count, next;
    double roundings;              /* to bfloat16 between an operation's inputs and its output: 1 */
    double steep;                  /* how much it magnifies rounding of its inputs: 1 */
} trial;

operand *in(trial *t, const char *name, int64_t n);
operand *in_narrow(trial *t, const char *name, int64_t n);
operand *out(trial *t, const char *name, int64_t n);
operand *out_narrow(trial *t, const char *name, int64_t n);
operand *in_out(trial *t, const char *name, int64_t n);
operand *in_out_narrow(trial *t, const char *name, int64_t n);
operand *in_double(trial *t, const char *name, int64_t n);
operand *in_out_double(trial *t, const char *name, int64_t n);
operand *in_bytes(trial *t, const char *name, int64_t n);
operand *out_bytes(trial *t, const char *name, int64_t n);
operand *in_out_bytes(trial *t, const char *name, int64_t n);
operand *in_ints(trial *t, const char *name, int64_t n);
/* The values of an operand, to be changed before send(); of floats, narrow ones too. */
float *values(operand *o);
/* Round to the width that it has on the device, and upload to both. */
void send(trial *t, operand *o);

#define AT(o) ((o) ? (o)->at[side] : NULL)
#define BOTH(t, op, ...)                                                \
    do {                                                                \
        for (int side = (t)->first; side < 2; side++)                   \
            (t)->ops[side]->op((t)->dev[side], __VA_ARGS__);            \
    } while (0)

typedef struct op_case {
    const char *name;
    void (*run)(trial *t);
    const int (*sizes)[SIZES];     /* of each trial: the first is 1 for one of a model's size */
    int count;
    int fills;
} op_case;

/* By vs_op, from VS_OP_MAP: an operation without a case does not compile. */
extern const op_case vs_parity_case[VS_OPS];

#endif /* VSYN_TESTS_OPS_PARITY_H */
