/* In place of films.c where the build has no FFmpeg. */
#include "eval/films.h"

const vs_set_videos *vs_films(void)
{
    return NULL;
}
