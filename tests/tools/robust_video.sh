#!/usr/bin/env bash
# vsyn-robust with videos: apply and preview on files, folders, clips of a store; refusals.
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1

has() # WHAT TEXT FILE
{
    if grep -qF -- "$2" "$3"; then ok "$1"; else not_ok "$1" "$3 lacks \"$2\""; fi
}
rgb() { ffmpeg -v error -i "$1" -f rawvideo -pix_fmt rgb24 -; }
facts() { ffprobe -v error -select_streams v -count_frames -of csv=p=0 -show_entries \
    stream=codec_name,width,height,avg_frame_rate,nb_read_frames "$1"; }

check "videos to work on" vsyn-gen motion --out made --videos 32 --size 66 --frames 30 --quiet
video=made/videos/0000001.mp4

# ---- apply -------------------------------------------------------------------------------
check "apply to a video" vsyn-robust apply gaussian_noise --severity 2 "$video" noisy.mp4
check "again on other threads" vsyn-robust apply gaussian_noise --severity 2 --jobs 3 "$video" b.mp4
check "the same bytes" cmp noisy.mp4 b.mp4
check "an AVI with MPEG-4" vsyn-robust apply h264_crf --severity 3 --codec mpeg4 --quality 5 \
    "$video" coded.avi
check "fewer frames" vsyn-robust apply sampling --severity 1 --json "$video" short.mp4
has "which it says" '"frames":15' out
check "a part of a video" vsyn-robust apply jpeg --severity 1 --max-seconds 0.4 --short-side 40 \
    --json "$video" part.mp4
has "which it says" '"frames":10,"width":40,"height":40' out
if command -v ffprobe >/dev/null; then
    same "the noisy video" "$(facts noisy.mp4)" "h264,66,66,25/1,30"
    same "the coded video" "$(facts coded.avi)" "mpeg4,66,66,25/1,30"
    # What a video gives is what its frames give.
    check "a video as it is" vsyn-robust apply frame_rate --severity 1 --variant ssv2 \
        --max-seconds 0.1 "$video" held.mp4
    check "a video unchanged" vsyn-robust apply jumble --severity 5 --seed 3 --max-seconds 0.02 \
        "$video" one.mp4
    mkdir frames
    ffmpeg -v error -i one.mp4 frames/f%03d.png
    check "its frame as a folder" vsyn-robust apply static_rotate --severity 2 frames turned
    check "its frame as a video" vsyn-robust apply static_rotate --severity 2 --max-seconds 0.02 \
        "$video" turned.mp4
    check "both are the same pixels" cmp <(rgb turned/f001.png) <(rgb turned.mp4)
    ffmpeg -v error -f lavfi -i testsrc=size=65x49:duration=1 -f lavfi -i sine=duration=1 \
        -c:v ffv1 -c:a pcm_s16le sound.avi
    check "odd sizes" vsyn-robust apply jpeg --severity 1 sound.avi odd.mp4
    has "says that the sound goes" "sound.avi: its sound is not kept" err
    same "lossless keeps the size" "$(facts odd.mp4)" "h264,65,49,25/1,25"
    check "odd sizes, 4:2:0" vsyn-robust apply jpeg --severity 1 --codec h264 sound.avi even.mp4
    same "an odd row and column are left away" "$(facts even.mp4)" "h264,64,48,25/1,25"
else
    skip "what the videos hold" "no ffprobe"
fi
golden=$VSYN_ROOT/tests/golden/corrupt/clean
check "to JPEG" vsyn-robust apply jpeg --severity 1 "$golden/plasma_00.png" a.jpg
check "from JPEG" vsyn-robust apply contrast --severity 1 a.jpg b.png
mkdir both
cp a.jpg both/1.jpg
cp "$golden/plasma_00.png" both/2.png
check "a folder of both" vsyn-robust apply contrast --severity 1 both contrast
same "is written as PNG" "$(ls contrast)" "1.png
2.png"
cp a.jpg both/2.jpg
fails 1 "two pictures of one name" "2.jpg and 2.png would both be written as 2.png" \
    vsyn-robust apply contrast --severity 1 both x

check "a store" vsyn-ingest add store --list made/train.csv --encoding copy --quiet
clip=$(vsyn-ingest list store --json | grep -o '"id":[0-9]*' | head -n 1 | cut -d: -f2)
check "apply to a clip of packets" vsyn-robust apply mpeg2 --severity 1 "store:$clip" clip.mp4

fails 2 "OUT is there" "noisy.mp4: exists already; --force writes over it" \
    vsyn-robust apply jpeg --severity 1 "$video" noisy.mp4
check "--force" vsyn-robust apply jpeg --severity 1 --force "$video" b.mp4
fails 2 "OUT is a folder" "made: expected a name" vsyn-robust apply jpeg --severity 1 "$video" made
fails 2 "a container that is not written" "x.mkv: expected a name that ends in .mp4 or .avi" \
    vsyn-robust apply jpeg --severity 1 "$video" x.mkv
fails 2 "a quality out of range" "mpeg4 takes 1..31" \
    vsyn-robust apply jpeg --severity 1 --codec mpeg4 --quality 40 "$video" x.mp4
fails 1 "no such video" "none.mp4: no such file" vsyn-robust apply jpeg --severity 1 none.mp4 x.mp4
fails 1 "no such clip" "9999" vsyn-robust apply jpeg --severity 1 store:9999 x.mp4
: >empty.mp4
fails 1 "an empty video" "empty.mp4: empty file" vsyn-robust apply jpeg --severity 1 empty.mp4 x.mp4
head -c 3000 "$video" >cut.mp4
fails 1 "a video without its end" "cut.mp4: " vsyn-robust apply jpeg --severity 1 cut.mp4 x.mp4
full() { (trap '' XFSZ; ulimit -f "$1"; shift; exec "$@"); }
fails 1 "a full disk" "x.mp4" full 8 vsyn-robust apply jpeg --severity 1 "$video" x.mp4
[ -e x.mp4 ] && not_ok "a refusal writes nothing" || ok "a refusal writes nothing"

# ---- preview -----------------------------------------------------------------------------
size() { od -An -tu1 -j16 -N8 "$1" | awk '{ print ($3 * 256) + $4 "x" ($7 * 256) + $8 }'; }
check "a sheet of everything" vsyn-robust preview "$video" --size 48 --out all.png
check "of some at one severity" vsyn-robust preview "$golden/plasma_00.png" --severity 3 \
    --corruptions jpeg,contrast,zoom_blur --size 96 --out some.png
same "four tiles in three columns" "$(size some.png)" \
    "$((2 * 16 + 3 * 96 + 2 * 6))x$((2 * 16 + 2 * (22 + 96 + 12)))"
check "a picture for each" vsyn-robust preview "store:$clip" --each --corruptions freeze,rotate \
    --size 48 --out each
same "as many pictures" "$(ls each)" "freeze.png
rotate.png"
check "the same again" vsyn-robust preview "store:$clip" --each --corruptions freeze,rotate \
    --size 48 --out other --jobs 1
check "is the same" diff -r each other
fails 2 "a sheet that is there" "all.png: exists already" vsyn-robust preview "$video" --out all.png
fails 2 "a frame that is not there" "--frame: there are frames 0..29, got 30" \
    vsyn-robust preview "$video" --frame 30 --out x.png
fails 2 "no name of a picture" "x: expected a name that ends in .png" \
    vsyn-robust preview "$video" --out x
fails 2 "an unknown corruption" "did you mean freeze?" \
    vsyn-robust preview "$video" --corruptions freze --out x.png
fails 1 "nothing to show" "none.mp4: no such file" vsyn-robust preview none.mp4 --out x.png
finish
