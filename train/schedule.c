#include "train/schedule.h"

#include <math.h>

vs_schedule vs_schedule_make(int64_t steps, double warmup_steps, double start, double peak,
                             double end, int64_t effective_batch)
{
    const double scale = (double)effective_batch / 256;
    const double limit = (double)(steps / 2);
    return (vs_schedule){ .steps = steps,
                          .warmup = (int64_t)(warmup_steps < limit ? warmup_steps : limit),
                          .start = start * scale, .peak = peak * scale, .end = end * scale };
}

double vs_schedule_lr(const vs_schedule *s, int64_t step)
{
    if (step < s->warmup) {
        const double part = s->warmup > 1 ? (double)step / (double)(s->warmup - 1) : 0;
        return s->start + (s->peak - s->start) * part;
    }
    if (step >= s->steps)
        return s->end;
    const double part = (double)(step - s->warmup) / (double)(s->steps - s->warmup);
    return s->end + (s->peak - s->end) * 0.5 * (1 + cos(3.14159265358979323846 * part));
}
