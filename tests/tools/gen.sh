#!/usr/bin/env bash
# vsyn-gen: equality with the reference's frames, the same bytes from any split of the work,
# resuming, refusals, a full disk.
. "$(dirname "$0")/tap.sh"
golden=$VSYN_ROOT/tests/golden/gen
cd "$work" || exit 1
small=(--size 64 --frames 10:14 --objects 60)

rgb() { ffmpeg -v error -i "$1" -f rawvideo -pix_fmt rgb24 -; }
sums() { (cd "$1" && sha256sum videos/* annotations.csv); }

# ---- scene -------------------------------------------------------------------------------
scene_parity() # MODE TABLE options...
{
    local mode=$1 table=$2 f reference
    shift 2
    check "scene draws $mode" vsyn-gen scene --objects "$golden/$table" --frames 0,50,150 \
        --out "scene/$mode" "$@"
    for f in 000 050 150; do
        reference=$golden/${mode}_f$f.png
        [ -f "$reference" ] || reference=$golden/${mode}_f000.png
        if cmp -s <(rgb "$reference") <(rgb "scene/$mode/f$f.png") &&
            [ "$(rgb "scene/$mode/f$f.png" | wc -c)" = 196608 ]; then
            ok "$mode frame $f equals the reference"
        else
            not_ok "$mode frame $f equals the reference"
        fi
    done
}
if command -v ffmpeg >/dev/null; then
    scene_parity static_circle circle_objects.json --static
    scene_parity moving_circle circle_objects.json
    scene_parity mixed mixed_objects.json
    scene_parity mixed_affine affine_objects.json --affine
    scene_parity mixed_affine_acc affine_objects.json --affine --acceleration-on
    pictures=$VSYN_ROOT/../shared/golden/gen/textures
    if [ -d "$pictures" ]; then
        scene_parity textured textured_objects.json --affine --acceleration-on \
            --textures "$pictures"
    else
        skip "scene draws textured" "../shared/golden/gen/textures is not here"
    fi
else
    skip "scene equals the reference" "no ffmpeg to decode PNG files"
fi
echo '[{"shape": "blob"}]' >bad.json
fails 1 "a damaged table is refused" 'bad.json: object 0: unknown shape "blob"' \
    vsyn-gen scene --objects bad.json --frames 0 --out s
fails 2 "frames must be numbers" '--frames' \
    vsyn-gen scene --objects "$golden/mixed_objects.json" --frames 1,,2 --out s
fails 1 "a missing table is named" nowhere.json vsyn-gen scene --objects nowhere.json --frames 0 \
    --out s

# ---- textures ----------------------------------------------------------------------------
mkdir -p photos/sub empty
for i in 1 2 3; do
    cp "$golden/mixed_f000.png" photos/p$i.png
done
cp "$golden/mixed_f050.png" photos/sub/q.png
head -c 3000 "$golden/mixed_f050.png" >photos/cut.png
echo words >photos/notes.txt
check "a folder of pictures fills shapes" vsyn-gen accelerating-images --out img --videos 4 \
    --jobs 1 --textures photos "${small[@]}"
grep -q '2 of 6 files could not be read and were skipped' err && ok "unreadable files are counted" ||
    not_ok "unreadable files are counted"
check "with more threads" vsyn-gen accelerating-images --out img2 --videos 4 --jobs 4 \
    --textures photos "${small[@]}"
same "the same bytes" "$(sums img2)" "$(sums img)"
fails 2 "images need a folder" '--textures DIR is required' \
    vsyn-gen accelerating-images --out x --videos 1
fails 1 "an empty folder is named" 'empty: no pictures' \
    vsyn-gen accelerating-images --out x --videos 1 --textures empty
fails 1 "textures that scenes name must be there" 'no textures were given' \
    vsyn-gen scene --objects "$golden/textured_objects.json" --frames 0 --out s
fails 1 "in a numbered folder every file counts" 'photos/' \
    vsyn-gen scene --objects "$golden/textured_objects.json" --frames 0 --out s \
    --textures photos --quiet

check "textures are made" vsyn-gen textures statistical --out t1 --count 3 --size 128 --jobs 2
check "and again" vsyn-gen textures statistical --out t2 --count 2 --size 128 --jobs 1
same "the same bytes" "$(cd t2 && sha256sum 00000[01].png)" "$(cd t1 && sha256sum 00000[01].png)"
rm t1/000001.png
check "what is missing is made" vsyn-gen textures statistical --out t1 --count 3 --size 128 --json
same "only that" "$(tr -d ' ' <out | grep -o '"made":1')" '"made":1'
same "and a sheet" "$(ls t1 | tr '\n' ' ')" "000000.png 000001.png 000002.png sheet.png "
fails 2 "kinds of textures have names" 'expected statistical or stylegan' \
    vsyn-gen textures noise --out t3
made=(--videos 2 --texture-count 5 "${small[@]}")
check "a stage makes its textures" vsyn-gen accelerating-stylegan --out sg --jobs 1 \
    --dump-scenes "${made[@]}"
check "with more threads" vsyn-gen accelerating-stylegan --out sg2 --jobs 3 "${made[@]}"
same "the same bytes" "$(sums sg2)" "$(sums sg)"
same "the textures stay with the set" "$(ls sg/textures | wc -l)" 5
check "dumped scenes are drawn with them" vsyn-gen scene --objects sg/scenes/0000001.json \
    --frames 0,5 --size 64 --affine --acceleration-on --textures sg/textures --out again

# ---- sets --------------------------------------------------------------------------------
check "a set is made" vsyn-gen accelerating-shapes --out a --videos 7 --jobs 1 "${small[@]}" \
    --preview --dump-scenes --json
same "its result" "$(tr -d ' ' <out | grep -o '"videos":7,"made":7')" '"videos":7,"made":7'
same "what was estimated beside what happened" \
    "$(tr -d ' ' <out | grep -oE '"(memory_bytes|estimate)":[{1-9]' | wc -l)" 3
same "annotations" "$(head -1 a/annotations.csv):$(wc -l <a/annotations.csv)" \
    "videos/0000000.mp4 0:7"
same "other files" "$(cd a && ls -d preview.png manifest.json scenes/0000006.json | wc -l)" 3
check "more threads" vsyn-gen accelerating-shapes --out b --videos 7 --jobs 5 "${small[@]}"
same "give the same bytes" "$(sums b)" "$(sums a)"
for shard in 3/3 1/3 2/3; do
    check "shard $shard" vsyn-gen accelerating-shapes --out c --videos 7 --shard $shard "${small[@]}"
done
same "shards give the same bytes" "$(sums c)" "$(sums a)"
same "and the same manifest" "$(cat c/manifest.json)" "$(cat a/manifest.json)"
task() { env SLURM_ARRAY_TASK_ID=$1 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 \
    SLURM_ARRAY_TASK_MAX=3 "${@:2}"; }
for id in 2 3 1; do
    check "task $id of a job array" task $id vsyn-gen accelerating-shapes --out j --videos 7 \
        "${small[@]}"
    same "says which shard it makes" "$(grep -c "^shard $id/3, from SLURM_ARRAY_TASK_ID" err)" 1
done
same "tasks give the same bytes" "$(sums j)" "$(sums a)"
fails 2 "a shard that contradicts the array" "where this task is 2/3" task 2 vsyn-gen \
    accelerating-shapes --out j --videos 7 --shard 1/3 "${small[@]}"
check "a later range" vsyn-gen accelerating-shapes --out d --first 5 --videos 2 "${small[@]}"
same "gives the same videos" "$(sha256sum <d/videos/0000006.mp4)" "$(sha256sum <a/videos/0000006.mp4)"
check "another seed" vsyn-gen accelerating-shapes --out e --videos 1 --seed 1 "${small[@]}"
same "gives another video" "$(cmp -s e/videos/0000000.mp4 a/videos/0000000.mp4; echo $?)" 1

check "circles that scale" vsyn-gen transforming-shapes --out cs --videos 1 "${small[@]}" \
    --circles-scale
check "circles that stay" vsyn-gen transforming-shapes --out cs0 --videos 1 "${small[@]}"
same "are other videos" "$(cmp -s cs/videos/0000000.mp4 cs0/videos/0000000.mp4; echo $?)" 1
same "and known to the manifest" "$(grep -c '"circles-scale": true' cs/manifest.json)" 1

# ---- again, and after a kill ---------------------------------------------------------------
rm a/videos/0000003.mp4
touch -d '2001-01-01' a/videos/0000002.mp4
check "a second run makes what is missing" vsyn-gen accelerating-shapes --out a --videos 7 \
    "${small[@]}" --json
same "and nothing else" "$(tr -d ' ' <out | grep -o '"made":1,') $(date -r a/videos/0000002.mp4 +%Y)" '"made":1, 2001'
same "with the same bytes" "$(sums a)" "$(sums b)"

vsyn-gen moving-circles --out k --videos 400 --quiet --jobs 2 >/dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do
    [ "$(ls k/videos 2>/dev/null | grep -c 'mp4$')" -ge 3 ] && break
    sleep 0.1
done
kill -9 $pid
wait $pid 2>/dev/null
last=$(ls k/videos | grep 'mp4$' | tail -1)
have=$((10#${last%.mp4} + 1))  # threads finish out of order: up to the last one there is
touch k/videos/0000000.mp4.tmp-$pid
check "a run after kill -9" vsyn-gen moving-circles --out k --videos "$have"
same "leaves whole files only" "$(ls k/videos | grep -c tmp-) $(ls k/videos | grep -c mp4$)" "0 $have"
check "the same without a kill" vsyn-gen moving-circles --out k2 --videos "$have"
same "gives the same bytes" "$(sums k)" "$(sums k2)"

vsyn-gen moving-circles --out i --videos 4000 --jobs 2 >out 2>err &
pid=$!
for _ in $(seq 100); do
    [ "$(ls i/videos 2>/dev/null | grep -c 'mp4$')" -ge 2 ] && break
    sleep 0.1
done
kill -INT $pid
wait $pid
same "an interrupted run exits with 1 and says how to go on" \
    "$? $(grep -c 'the same command again makes the rest' err)" "1 1"
same "and lists what there is" "$(wc -l <i/annotations.csv)" "$(ls i/videos | grep -c 'mp4$')"

# ---- refusals --------------------------------------------------------------------------------
fails 1 "other parameters are refused by name" 'made with speed "1.2:3"' \
    vsyn-gen accelerating-shapes --out a --videos 7 "${small[@]}" --speed 1:2 --quiet
fails 1 "another stage is refused" "this set is of accelerating-shapes" \
    vsyn-gen moving-shapes --out a --videos 7 "${small[@]}" --quiet
fails 2 "no videos" "--videos" vsyn-gen moving-circles --out t
fails 2 "a wrong shard" "--shard" vsyn-gen moving-circles --out t --videos 2 --shard 3/2
fails 2 "a reversed span" "--frames" vsyn-gen moving-circles --out t --videos 2 --frames 9:3
fails 2 "half a frame" "--frames" vsyn-gen moving-circles --out t --videos 2 --frames 9.5
fails 2 "an odd size" "--size" vsyn-gen moving-circles --out t --videos 2 --size 65
fails 2 "a quality that the codec lacks" "--quality" vsyn-gen moving-circles --out t --videos 2 \
    --quality 40
fails 2 "an unknown stage" "did you mean moving-circles" vsyn-gen moving-circle --out t --videos 2
fails 2 "too few clips for two lists" "--videos" vsyn-gen motion --out t --videos 31
echo '{' >broken.json
mkdir -p w
cp broken.json w/manifest.json
fails 1 "a damaged manifest is named" "w/manifest.json" vsyn-gen moving-circles --out w --videos 1 \
    "${small[@]}" --quiet
echo x >file
fails 1 "a file in the way is named" "file" vsyn-gen moving-circles --out file/x --videos 1 --quiet

# A full disk, as a limit on the size of a file: the reason differs, the path is the same.
full() { (trap '' XFSZ; ulimit -f 8; exec "$@"); }
fails 1 "a full disk: one line" "f/videos/000000" full vsyn-gen accelerating-shapes --out f \
    --videos 3 --quiet
same "and nothing half-written" "$(ls f/videos)" ""
check "the next run goes on" vsyn-gen accelerating-shapes --out f --videos 3 --frames 100:199

# ---- ground truth ------------------------------------------------------------------------------
all=(--truth masks,flow,tracks)
check "a set with its truth" vsyn-gen accelerating-shapes --out g --videos 4 --jobs 1 "${small[@]}" "${all[@]}"
same "four files a video" "$(ls g/truth | wc -l) $(ls g/truth | sed -n 1,4p | tr '\n' ' ')" \
    "16 0000000.flow.npy 0000000.masks.npy 0000000.state.npy 0000000.tracks.npy "
same "the videos are the same" "$(sha256sum <g/videos/0000003.mp4)" "$(sha256sum <a/videos/0000003.mp4)"
same "known to the manifest" "$(grep -c '"truth": "masks,flow,tracks"' g/manifest.json)" 1
check "a set without" vsyn-gen accelerating-shapes --out g2 --videos 4 "${small[@]}"
check "which gets masks later" vsyn-gen accelerating-shapes --out g2 --videos 4 "${small[@]}" \
    --truth masks
for shard in 2/2 1/2; do
    check "and the rest, shard $shard" vsyn-gen accelerating-shapes --out g2 --videos 4 \
        --shard $shard "${small[@]}" --truth flow,tracks
done
same "gives the same bytes" "$(cd g2 && sha256sum truth/* manifest.json)" \
    "$(cd g && sha256sum truth/* manifest.json)"
fails 2 "an unknown kind of truth" 'got "depth"' vsyn-gen moving-shapes --out t --videos 1 --truth depth
fails 2 "truth of smooth edges" '--truth with --antialias' vsyn-gen moving-shapes --out t \
    --videos 1 --truth masks --antialias
fails 2 "truth needs a folder" '--truth is written into --out' vsyn-gen moving-shapes --store st \
    --videos 1 --truth masks
fails 1 "a full disk in the truth: one line" "ft/truth/000000" full vsyn-gen moving-shapes --out ft \
    --videos 2 --quiet --truth flow --jobs 1
same "and nothing half-written" "$(ls ft/truth ft/videos | grep -c npy)" 0

# ---- straight into a store ------------------------------------------------------------------
check "a store is filled" vsyn-gen moving-shapes --store st --videos 3 "${small[@]}"
check "and goes on" vsyn-gen moving-shapes --store st --videos 5 "${small[@]}" --json
same "with what is missing" "$(tr -d " " <out | grep -o "\"videos\":5,\"made\":2")" "\"videos\":5,\"made\":2"
fails 2 "somewhere to write is needed" "--store" vsyn-gen moving-shapes --videos 3
fails 2 "a preview needs a folder" "--preview" vsyn-gen moving-shapes --store st --videos 3 --preview

# ---- codecs ------------------------------------------------------------------------------------
probe() { ffprobe -v error -count_frames -select_streams v -of csv=p=0 -show_entries \
    stream=codec_name,codec_tag_string,width,height,r_frame_rate,avg_frame_rate,start_time,has_b_frames,nb_frames,nb_read_frames "$1"; }
kinds() { ffprobe -v error -of csv=p=0 -show_entries frame=pict_type "$1" | tr -d ',\n'; }
# Time stamps that are not 0, 1, 2, ... frames, shown or decoded.
gaps() { ffprobe -v error -of csv=p=0 -show_entries packet=pts,dts,duration "$1" |
    awk -F, '$1 != $2 || $1 != (NR - 1) * $3' | wc -l; }
plays() # NAME FILE EXPECTED
{
    same "$1: names, size, rate, start, frames" "$(probe "$2")" "$3"
    same "$1: a key frame every 12 at most, no B-frame" \
        "$(kinds "$2" | grep -cE '^(IP{0,11}){3,}$') $(kinds "$2" | wc -c)" "1 33"
    same "$1: no gap in time, no edit list" "$(gaps "$2") $(grep -ac elst "$2")" "0 0"
    check "$1: plays to its end" ffmpeg -v error -xerror -i "$2" -f null -
}
if command -v ffprobe >/dev/null; then
    check "mpeg4" vsyn-gen moving-shapes --out m4 --videos 1 --size 64 --frames 33 --fps 12.5
    plays mpeg4 m4/videos/0000000.mp4 mpeg4,mp4v,64,64,0,25/2,25/2,0.000000,33,33
    check "h264" vsyn-gen moving-shapes --out h4 --videos 1 --size 64 --frames 33 --codec h264
    plays h264 h4/videos/0000000.mp4 h264,avc1,64,64,0,25/1,25/1,0.000000,33,33
    check "lossless" vsyn-gen moving-shapes --out ll --videos 1 --size 65 --frames 33 \
        --codec lossless --dump-scenes
    plays lossless ll/videos/0000000.mp4 h264,avc1,65,65,0,25/1,25/1,0.000000,33,33
    check "its scene" vsyn-gen scene --objects ll/scenes/0000000.json --size 65 --out ls \
        --frames "$(seq -s, 0 32)"
    same "decodes to the very pixels" "$(rgb ll/videos/0000000.mp4 | sha256sum)" \
        "$(for f in ls/f0*.png; do rgb "$f"; done | sha256sum)"
    check "nothing moves" vsyn-gen static-circles --out sc --videos 1 --size 64 --frames 33
    plays "static" sc/videos/0000000.mp4 mpeg4,mp4v,64,64,0,25/1,25/1,0.000000,33,33
else
    skip "videos play" "no ffprobe"
fi

# ---- smooth edges, and tables that come back ----------------------------------------------------
if command -v ffmpeg >/dev/null; then
    back() # STAGE options of vsyn-gen scene...
    {
        local stage=$1 extra=() motion=()
        shift
        for word in "$@"; do
            if [ "$word" = --antialias ]; then extra=("$word"); else motion+=("$word"); fi
        done
        rm -rf bk bs
        check "$stage ${extra[*]} with its table" vsyn-gen "$stage" --out bk --videos 1 --first 3 \
            --size 96 --frames 4 --codec lossless --dump-scenes "${extra[@]}"
        check "the table drawn" vsyn-gen scene --objects bk/scenes/0000003.json --frames 0,1,2,3 \
            --size 96 --out bs "${motion[@]}" "${extra[@]}"
        same "gives the video's pixels" "$(rgb bk/videos/0000003.mp4 | sha256sum)" \
            "$(for f in 0 1 2 3; do rgb bs/f00$f.png; done | sha256sum)"
    }
    back static-circles --static
    back moving-circles
    back moving-shapes
    back transforming-shapes --affine
    back accelerating-shapes --affine --acceleration-on
    hard=$(rgb bk/videos/0000003.mp4 | sha256sum)
    back accelerating-shapes --affine --acceleration-on --antialias
    same "and smooth is another picture" \
        "$([ "$hard" = "$(rgb bk/videos/0000003.mp4 | sha256sum)" ] && echo equal)" ""
else
    skip "tables give the pixels of their videos" "no ffmpeg"
fi
fails 2 "textures have no smooth edges" "--antialias" vsyn-gen scene --objects x.json --frames 0 \
    --out bs --antialias --textures nowhere

# ---- motion ------------------------------------------------------------------------------------
check "a motion set" vsyn-gen motion --out mo --videos 80 --size 32 --frames 5 --jobs 2
same "sixteen classes" "$(wc -l <mo/classes.txt) $(sort -u mo/classes.txt | wc -l)" "16 16"
same "balanced lists" "$(cut -d' ' -f2 mo/test.csv | sort | uniq -c | awk '{print $1}' | sort -u) \
$(cut -d' ' -f2 mo/train.csv | sort | uniq -c | awk '{print $1}' | sort -u)" "1 4"
same "every clip in one list" "$(sort mo/train.csv mo/test.csv)" "$(sort mo/annotations.csv)"
check "a longer one" vsyn-gen motion --out mo --videos 96 --size 32 --frames 5
same "keeps the lists" "$(grep -vxFf mo/train.csv <(head -80 mo/annotations.csv) | sort)" \
    "$(sort mo/test.csv)"
check "a strict set" vsyn-gen motion --out mo2 --videos 32 --size 32 --frames 5 --strict
same "is another one" "$(cmp -s mo/videos/0000003.mp4 mo2/videos/0000003.mp4; echo $?)" 1
check "list" vsyn-gen list
same "names eight stages" "$(tail -n +2 out | wc -l)" 8
finish
