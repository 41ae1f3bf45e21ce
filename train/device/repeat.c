/* Work that repeats: when it is recorded, when it is done again, what happens when it cannot be.
 * Contract: train/device/device.h */
#include <string.h>

#include "base/log.h"
#include "train/device/device_priv.h"

enum state { IDLE, DOING, RECORDING, SAYING };

static void forget(vs_device *dev, vs_repeat *r)
{
    if (r->graph)
        dev->kind->forget(dev, r->graph);
    r->graph = NULL;
}

/* Whether the body runs, and what for. Marks between operations are not part of a graph. */
static bool begin(vs_device *dev, vs_repeat *r, uint64_t key, bool args)
{
    const bool same = r->known && r->key == key && r->age == dev->age;
    const bool may = dev->kind->record && !dev->no_repeat && !dev->times && !vs_device_failed(dev);
    if (!same)
        forget(dev, r);
    r->key = key;
    r->state = DOING;
    if (!may || !same)
        return true;
    if (r->graph && args) {
        dev->kind->say(dev);
        r->state = SAYING;
    } else if (r->graph) {
        dev->kind->replay(dev, r->graph, false);
        dev->repeated++;
        r->state = IDLE;
    } else if (dev->kind->record(dev, args)) {
        dev->recording = true;
        r->state = RECORDING;
    }
    return r->state != IDLE;
}

/* True: the body has to run again, without a record. */
static bool end(vs_device *dev, vs_repeat *r, bool args)
{
    if (r->state == DOING) {
        r->known = true;
        r->age = dev->age;
        return false;
    }
    if (r->state == RECORDING) {
        dev->recording = false;
        r->graph = dev->kind->recorded(dev);
        if (!r->graph) {
            vs_warn("%s: steps are not recorded, every operation is launched: %s", dev->name,
                    dev->detail);
            dev->err = VS_OK;
            dev->no_repeat = true;
            r->state = DOING;
            return true;
        }
    }
    dev->kind->replay(dev, r->graph, args);
    dev->repeated++;
    return false;
}

bool vs_device_repeat(vs_device *dev, vs_repeat *r, uint64_t key, bool args)
{
    const bool again = r->state == IDLE ? begin(dev, r, key, args) : end(dev, r, args);
    if (!again)
        r->state = IDLE;
    return again;
}

void vs_device_repeat_free(vs_device *dev, vs_repeat *r)
{
    forget(dev, r);
    memset(r, 0, sizeof(*r));
}

void vs_device_set_repeat(vs_device *dev, bool on)
{
    dev->no_repeat = !on;
}

int64_t vs_device_repeated(const vs_device *dev)
{
    return dev->repeated;
}
