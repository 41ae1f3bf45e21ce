/* Object tables as JSON: an array of objects in drawing order, one video. Members:
 *
 *     shape        circle, square, oriented_square, rectangle, triangle, quadrilater
 *     color        [R, G, B], 0..255
 *     radius, cx, cy                                          whole pixels
 *     dir, speed, acc                                         radians, px/frame, px/frame^2
 *     angle_speed, scale_x, scale_y, shear_x, shear_y         per frame; absent = 0
 *     theta (oriented_square) | a (rectangle) | angles (triangle 3, quadrilater 4)
 *     texture      index; absent = flat colour
 *
 * The names are the reference generator's ("quadrilater" too); "quadrilateral" is read
 * as well. Numbers keep all their digits: a table that goes out and in is the same.
 */
#include "gen/scene/texture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/scene/plan.h"

static const char *const shape_names[] = { "circle",    "square",   "oriented_square",
                                           "rectangle", "triangle", "quadrilater" };
enum { SHAPES = 6, LARGEST = 1 << 20 };

static vs_err read_shape(vs_shape *out, const json_t *object, const char *where)
{
    const char *name;
    VS_TRY(vs_json_text(&name, object, "shape", where));
    for (int k = 0; k < SHAPES; k++)
        if (strcmp(name, shape_names[k]) == 0) {
            *out = (vs_shape)k;
            return VS_OK;
        }
    if (strcmp(name, "quadrilateral") == 0) {
        *out = VS_SHAPE_QUADRILATERAL;
        return VS_OK;
    }
    return VS_FAIL(VS_ERR_CORRUPT, "%s: unknown shape \"%s\"", where, name);
}

static vs_err read_color(uint8_t out[3], const json_t *object, const char *where)
{
    const json_t *color = json_object_get(object, "color");
    bool good = json_is_array(color) && json_array_size(color) == 3;
    for (size_t c = 0; good && c < 3; c++) {
        const json_t *v = json_array_get(color, c);
        good = json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= 255;
        if (good)
            out[c] = (uint8_t)json_integer_value(v);
    }
    return good ? VS_OK
                : VS_FAIL(VS_ERR_CORRUPT, "%s: color: expected [R, G, B] of 0..255", where);
}

static vs_err read_pixels(int *out, const json_t *object, const char *key, int least,
                          const char *where)
{
    int64_t v;
    VS_TRY(vs_json_int(&v, object, key, where));
    if (v < least || v > LARGEST)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: %s is %lld, expected %d..%d", where, key,
                       (long long)v, least, (int)LARGEST);
    *out = (int)v;
    return VS_OK;
}

/* An absent member keeps its value. */
static vs_err read_optional(double *out, const json_t *object, const char *key,
                            const char *where)
{
    return json_object_get(object, key) ? vs_json_number(out, object, key, where) : VS_OK;
}

static vs_err read_angles(vs_object *o, const json_t *object, const char *where)
{
    if (o->shape == VS_SHAPE_ORIENTED_SQUARE)
        return vs_json_number(&o->angle[0], object, "theta", where);
    if (o->shape == VS_SHAPE_RECTANGLE)
        return vs_json_number(&o->angle[0], object, "a", where);
    if (o->shape != VS_SHAPE_TRIANGLE && o->shape != VS_SHAPE_QUADRILATERAL)
        return VS_OK;
    const size_t n = o->shape == VS_SHAPE_TRIANGLE ? 3 : 4;
    const json_t *angles = json_object_get(object, "angles");
    bool good = json_is_array(angles) && json_array_size(angles) == n;
    for (size_t k = 0; good && k < n; k++) {
        good = json_is_number(json_array_get(angles, k));
        o->angle[k] = json_number_value(json_array_get(angles, k));
    }
    return good ? VS_OK
                : VS_FAIL(VS_ERR_CORRUPT, "%s: angles: expected %zu numbers", where, n);
}

static vs_err read_texture(vs_object *o, const json_t *object, const vs_textures *bank,
                           const char *where)
{
    if (!json_object_get(object, "texture"))
        return VS_OK;
    VS_TRY(read_pixels(&o->texture, object, "texture", 0, where));
    if (bank && o->texture < bank->n)
        return VS_OK;
    if (!bank)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: it has a texture, and no textures were given "
                                       "(--textures DIR)", where);
    return VS_FAIL(VS_ERR_CORRUPT, "%s: texture is %d, expected 0..%d: only %d were given", where,
                   o->texture, bank->n - 1, bank->n);
}

static vs_err read_object(vs_object *o, const json_t *object, const vs_textures *bank,
                          const char *where)
{
    *o = (vs_object){ .texture = -1 };
    if (!json_is_object(object))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: expected a JSON object", where);
    VS_TRY(read_shape(&o->shape, object, where));
    VS_TRY(read_color(o->color, object, where));
    VS_TRY(read_pixels(&o->radius, object, "radius", 0, where));
    VS_TRY(read_pixels(&o->cx, object, "cx", -LARGEST, where));
    VS_TRY(read_pixels(&o->cy, object, "cy", -LARGEST, where));
    VS_TRY(vs_json_number(&o->direction, object, "dir", where));
    VS_TRY(vs_json_number(&o->speed, object, "speed", where));
    VS_TRY(vs_json_number(&o->acceleration, object, "acc", where));
    VS_TRY(read_optional(&o->angle_speed, object, "angle_speed", where));
    VS_TRY(read_optional(&o->scale_x, object, "scale_x", where));
    VS_TRY(read_optional(&o->scale_y, object, "scale_y", where));
    VS_TRY(read_optional(&o->shear_x, object, "shear_x", where));
    VS_TRY(read_optional(&o->shear_y, object, "shear_y", where));
    VS_TRY(read_texture(o, object, bank, where));
    return read_angles(o, object, where);
}

vs_err vs_scene_from_json(vs_scene *out, const json_t *table, const vs_scene_params *params,
                          const char *where)
{
    *out = (vs_scene){ .params = *params, .frames = params->frames_hi };
    if (!json_is_array(table))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: expected a JSON array of objects", where);
    const size_t n = json_array_size(table);
    if (n > LARGEST)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: %zu objects, expected at most %d", where, n,
                       (int)LARGEST);
    out->object = malloc(sizeof(*out->object) * (n + 1));
    if (!out->object)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %zu objects", where, n);
    for (size_t i = 0; i < n; i++) {
        char place[512];
        snprintf(place, sizeof(place), "%s: object %zu", where, i);
        const vs_err err = read_object(&out->object[i], json_array_get(table, i),
                                       params->textures, place);
        if (err != VS_OK) {
            vs_scene_free(out);
            return err;
        }
    }
    out->n = (int)n;
    out->plan = vs_plan_new(out);
    return VS_OK;
}

/* ---- Writing ------------------------------------------------------------------------------- */

static void write_angles(json_t *to, const vs_object *o)
{
    if (o->shape == VS_SHAPE_ORIENTED_SQUARE)
        json_object_set_new(to, "theta", json_real(o->angle[0]));
    if (o->shape == VS_SHAPE_RECTANGLE)
        json_object_set_new(to, "a", json_real(o->angle[0]));
    if (o->shape != VS_SHAPE_TRIANGLE && o->shape != VS_SHAPE_QUADRILATERAL)
        return;
    json_t *angles = json_array();
    for (int k = 0; k < (o->shape == VS_SHAPE_TRIANGLE ? 3 : 4); k++)
        json_array_append_new(angles, json_real(o->angle[k]));
    json_object_set_new(to, "angles", angles);
}

static json_t *write_object(const vs_object *o, bool affine)
{
    json_t *to = json_object();
    json_object_set_new(to, "shape", json_string(shape_names[o->shape]));
    json_object_set_new(to, "color",
                        json_pack("[i, i, i]", o->color[0], o->color[1], o->color[2]));
    json_object_set_new(to, "radius", json_integer(o->radius));
    json_object_set_new(to, "cx", json_integer(o->cx));
    json_object_set_new(to, "cy", json_integer(o->cy));
    json_object_set_new(to, "dir", json_real(o->direction));
    json_object_set_new(to, "speed", json_real(o->speed));
    json_object_set_new(to, "acc", json_real(o->acceleration));
    if (affine) {
        json_object_set_new(to, "angle_speed", json_real(o->angle_speed));
        json_object_set_new(to, "scale_x", json_real(o->scale_x));
        json_object_set_new(to, "scale_y", json_real(o->scale_y));
        json_object_set_new(to, "shear_x", json_real(o->shear_x));
        json_object_set_new(to, "shear_y", json_real(o->shear_y));
    }
    write_angles(to, o);
    if (o->texture >= 0)
        json_object_set_new(to, "texture", json_integer(o->texture));
    return to;
}

json_t *vs_scene_to_json(const vs_scene *scene)
{
    json_t *table = json_array();
    for (int i = 0; i < scene->n; i++)
        json_array_append_new(table, write_object(&scene->object[i], scene->params.affine));
    return table;
}
