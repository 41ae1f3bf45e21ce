/* Tokens: which pixel goes where, flat patches, positions, the decoder's order. */
#include "tests/gradient.h"

static const vs_grid grid = { 4, 6, 8, 2, 2 };             /* 2 x 3 x 4 = 24 tokens of 24 values */
enum { B = 2, N = 24, P = 24, PIXELS = 4 * 6 * 8 };

static uint8_t *frames_new(void)
{
    uint8_t *f = malloc(B * PIXELS * 3);
    vs_rng r = vs_rng_at(3, VS_RNG_TEST, 0);
    for (int i = 0; i < B * PIXELS * 3; i++)
        f[i] = (uint8_t)(vs_rng_u32(&r) >> 24);
    return f;
}

/* Value (frame, row, column, colour) of a token's tubelet. */
static int pixel(const uint8_t *f, int b, int token, int p0, int p1, int p2, int c)
{
    const int t = token / 12 * 2 + p0, y = token / 4 % 3 * 2 + p1, x = token % 4 * 2 + p2;
    return f[(((b * 4 + t) * 6 + y) * 8 + x) * 3 + c];
}

Test(tokens, gather_normalises_and_keeps_the_order_of_a_convolution)
{
    static const double mean[3] = { 0.485, 0.456, 0.406 }, std[3] = { 0.229, 0.224, 0.225 };
    vs_device *dev = check_cpu(2);
    uint8_t *f = frames_new();
    const int32_t index[B * 3] = { 0, 7, 23, 5, 12, 13 };
    float x[B * 3 * P];
    vs_ops_cpu.patch_gather(dev, x, f, index, B, 3, &grid);
    for (int n = 0; n < B * 3; n++)
        for (int i = 0; i < P; i++) {
            const int c = i / 8, p0 = i / 4 % 2, p1 = i / 2 % 2, p2 = i % 2;
            const int u = pixel(f, n / 3, index[n], p0, p1, p2, c);
            cr_expect_float_eq(x[n * P + i], (u / 255.0 - mean[c]) / std[c], 1e-6, "%d %d", n, i);
        }
    float all[B * N * P];
    vs_ops_cpu.patch_gather(dev, all, f, NULL, B, N, &grid);
    for (int n = 0; n < B * 3; n++)
        cr_expect(memcmp(x + n * P, all + (n / 3 * N + index[n]) * P, 4 * P) == 0, "%d", n);
    free(f);
    vs_device_close(&dev);
}

Test(tokens, targets_have_mean_0_and_variance_1_and_flat_colours_0)
{
    vs_device *dev = check_cpu(2);
    uint8_t *f = frames_new();
    for (int i = 0; i < PIXELS; i++)
        f[3 * i + 1] = 77;                                 /* green of clip 0 is flat */
    float t[B * N * P];
    vs_ops_cpu.patch_target(dev, t, f, NULL, B, N, &grid);
    for (int n = 0; n < B * N; n++)
        for (int c = 0; c < 3; c++) {
            double sum = 0, squares = 0;
            for (int i = 0; i < P / 3; i++) {
                sum += t[n * P + 3 * i + c];
                squares += (double)t[n * P + 3 * i + c] * t[n * P + 3 * i + c];
            }
            const bool flat = n < N && c == 1;
            cr_expect_float_eq(sum, 0.0, 1e-5);
            cr_expect_float_eq(squares / (P / 3 - 1), flat ? 0.0 : 1.0, 1e-4, "%d %d", n, c);
            cr_expect(!flat || squares == 0.0);
        }
    /* Colour is fastest: two pixels of one colour differ as their bytes do. */
    const int a = pixel(f, 1, 9, 0, 1, 0, 2), b = pixel(f, 1, 9, 1, 1, 1, 2);
    const float *row = t + (N + 9) * P, ta = row[2 * 3 + 2], tb = row[7 * 3 + 2];
    cr_expect((a < b) == (ta < tb) && (a > b) == (ta > tb));
    free(f);
    vs_device_close(&dev);
}

/* One value of eight is a step brighter: the 1e-6 beside the deviation shows. */
Test(tokens, targets_of_low_contrast_feel_the_epsilon)
{
    const vs_grid one = { 2, 2, 2, 2, 2 };
    vs_device *dev = check_cpu(1);
    uint8_t f[24];
    float t[24];
    memset(f, 100, sizeof(f));
    f[0] = 101;
    vs_ops_cpu.patch_target(dev, t, f, NULL, 1, 1, &one);
    const double mean = 100.125 / 255.0, deviation = sqrt(0.125) / 255.0;
    cr_expect_float_eq(t[0], (101 / 255.0 - mean) / (deviation + 1e-6), 1e-5);
    cr_expect_float_eq(t[3], (100 / 255.0 - mean) / (deviation + 1e-6), 1e-5);
    cr_expect(t[1] == 0.0f && t[23] == 0.0f);
    vs_device_close(&dev);
}

Test(tokens, join_puts_visible_first_and_its_gradient_comes_back)
{
    enum { V = 2, M = 3, C = 2 };
    vs_device *dev = check_cpu(2);
    const int32_t visible[B * V] = { 1, 4, 0, 2 }, masked[B * M] = { 0, 2, 3, 1, 3, 4 };
    float *pos = check_values(5 * C, 1, -1, 1), *x = check_values(B * V * C, 2, -1, 1);
    const float token[C] = { 0.5f, -0.25f };
    float y[B * 5 * C], dx[B * V * C], dtoken[C] = { 10.0f, 20.0f };
    vs_ops_cpu.join_fwd(dev, y, x, token, pos, visible, masked, B, V, M, C);
    for (int b = 0; b < B; b++)
        for (int s = 0; s < 5; s++)
            for (int c = 0; c < C; c++) {
                const int place = s < V ? visible[b * V + s] : masked[b * M + s - V];
                const float from = s < V ? x[(b * V + s) * C + c] : token[c];
                cr_expect_float_eq(y[(b * 5 + s) * C + c], from + pos[place * C + c], 1e-6);
            }
    vs_ops_cpu.join_bwd(dev, dx, dtoken, y, B, V, M, C);
    float sum[C] = { 10.0f, 20.0f };
    for (int b = 0; b < B; b++)
        for (int s = 0; s < 5; s++)
            for (int c = 0; c < C; c++) {
                if (s < V)
                    cr_expect(dx[(b * V + s) * C + c] == y[(b * 5 + s) * C + c]);
                else
                    sum[c] += y[(b * 5 + s) * C + c];
            }
    cr_expect_float_eq(dtoken[0], sum[0], 1e-5);
    cr_expect_float_eq(dtoken[1], sum[1], 1e-5);
    free(pos);
    free(x);
    vs_device_close(&dev);
}

Test(tokens, tail_takes_the_last_rows_of_each_clip_and_position_is_added)
{
    vs_device *dev = check_cpu(2);
    float x[2 * 3], y[2 * 2], dx[2 * 3];
    for (int i = 0; i < 6; i++)
        x[i] = (float)i;
    vs_ops_cpu.tail_fwd(dev, y, x, 2, 3, 2, 1);
    cr_expect(y[0] == 1 && y[1] == 2 && y[2] == 4 && y[3] == 5);
    vs_ops_cpu.tail_bwd(dev, dx, y, 2, 3, 2, 1);
    cr_expect(dx[0] == 0 && dx[1] == 1 && dx[2] == 2 && dx[3] == 0 && dx[4] == 4 && dx[5] == 5);
    const float pos[3] = { 10, 20, 30 };
    const int32_t index[2] = { 2, 0 };
    vs_ops_cpu.position_add(dev, x, pos, NULL, 2, 3, 1);
    cr_expect(x[0] == 10 && x[2] == 32 && x[3] == 13 && x[5] == 35);
    vs_ops_cpu.position_add(dev, x, pos, index, 2, 1, 1);
    cr_expect(x[0] == 40 && x[1] == 31);
    vs_device_close(&dev);
}
