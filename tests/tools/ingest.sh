#!/usr/bin/env bash
# vsyn-ingest from the outside: lists, folders, official splits, damage, kills, and what
# comes out of the store against ffmpeg's own decoding.
. "$(dirname "$0")/tap.sh"
if ! command -v ffmpeg >/dev/null; then
    skip "vsyn-ingest" "the ffmpeg program is not here to make test videos"
    finish
    exit 0
fi

# video FILE FRAMES [SIZE] [ffmpeg options before the file]
video()
{
    local file=$1 frames=$2 size=${3:-64x48}
    shift 2
    [ $# -gt 0 ] && shift
    mkdir -p "$(dirname "$file")"
    ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=$size:rate=25" -frames:v "$frames" \
        -c:v mpeg4 -q:v 2 "$@" "$file" || echo "Bail out! ffmpeg cannot make $file"
}
column() { vsyn-ingest list "$1" | tail -n +2 | cut -f "$2" | tr '\n' ' ' | sed 's/ $//'; }
listing() { vsyn-ingest list "$1"; vsyn-ingest list "$1" --failures; }
packs() { cat "$1"/packs/*.pack | sha256sum; }
cd "$work" || exit 1

# ---- A list ---------------------------------------------------------------------------------
video v/"a clip.mp4" 10; video v/b.avi 12; video v/c,d.mkv 9; video v/e.webm 8 64x48 -c:v libvpx
printf '\xef\xbb\xbfa clip.mp4 0\r\n"b.avi" 1\r\nc,d.mkv 2\r\ne.webm 1\r\n' >v/train.csv
check "add of a list" vsyn-ingest add s --list v/train.csv --quiet
same "the table counts the files" "$(head -1 out | cut -d';' -f1)" \
    "data set v: 4 accepted (0 of them partial), 0 failed, 0 known already"
same "frames in the order of the list" "$(column s 5)" "10 12 9 8"
same "names as listed" "$(column s 8)" "a clip.mp4 b.avi c,d.mkv e.webm"
same "labels" "$(column s 3)" "0 1 2 1"
same "split by the name of the list" "$(column s 2)" "v:train v:train v:train v:train"
before=$(listing s; packs s)
check "the same list again" vsyn-ingest add s --list v/train.csv --quiet
same "adds nothing" "$(head -1 out | cut -d';' -f1)" \
    "data set v: 0 accepted (0 of them partial), 0 failed, 4 known already"
same "and leaves the store as it was" "$(listing s; packs s)" "$before"
check "verify of a sound store" vsyn-ingest verify s --quiet
check "info as JSON" vsyn-ingest info s --json
same "info counts frames" "$(grep -o '"frames": *39' out | head -1 | tr -d ' ')" '"frames":39'
check "list as JSON" vsyn-ingest list s --json --split v:train
same "one JSON row per clip" "$(grep -o '"id"' out | wc -l)" 4
fails 1 "an unknown split names those there are" "v:train (4 clips)" vsyn-ingest list s --split x

# ---- What comes out is what ffmpeg decodes ----------------------------------------------------
# witness WHAT STORE CLIP VIDEO FRAME LEAST_DB [filters]: picture against ffmpeg's own
witness()
{
    local what=$1 store=$2 clip=$3 video=$4 frame=$5 least=$6 filters=${7:-null} db
    rm -rf png && vsyn-ingest extract "$store" --clip "$clip" --frames "$frame" --out png --quiet
    ffmpeg -nostdin -v error -y -i "$video" -vf "$filters,select=eq(n\,$frame),$full" -vsync 0 \
        -frames:v 1 -pix_fmt rgb24 want.png
    db=$(ffmpeg -nostdin -hide_banner -i "png/f$(printf %03d "$frame").png" -i want.png -lavfi \
        "[0]format=rgb24,crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0[a];[1]format=rgb24[b];[a][b]psnr" -f null - 2>&1 |
        grep -o 'average:[^ ]*' | cut -d: -f2)
    if awk -v db="$db" -v least="$least" 'BEGIN { exit !(db == "inf" || db + 0 >= least) }'; then
        ok "$what ($db dB)"
    else
        not_ok "$what" "PSNR ${db:-none}, expected at least $least dB"
    fi
}
# Soft colours, and chroma brought to full size without steps: filters are not what is tested.
soft=gblur=sigma=4
full=scale=flags=bicubic+full_chroma_int+accurate_rnd
video w/plain.mp4 9 160x120 -vf $soft
video w/soft.mp4 4 160x120 -vf $soft
video w/odd.mkv 5 122x82 -vf format=yuv444p,$soft,crop=121:81 -c:v ffv1
video w/chroma.mkv 5 122x82 -vf format=yuv444p,$soft -c:v ffv1
video w/large.mp4 4 640x480 -vf $soft
video w/wide.mp4 4 160x120 -vf $soft,setsar=4/3
video w/full.mkv 4 160x120 -vf $soft,scale=out_range=full -pix_fmt yuvj420p -c:v mjpeg
video w/upright.mp4 6 160x120 -vf $soft
video w/rgb.mkv 4 160x120 -vf $soft -c:v ffv1 -pix_fmt bgr0
video w/hd.mkv 4 160x120 -vf $soft,scale=out_color_matrix=bt709,setparams=colorspace=bt709 -c:v ffv1 \
    -pix_fmt yuv420p
ffmpeg -nostdin -v error -y -i w/upright.mp4 -c copy -metadata:s:v rotate=90 w/turned.mp4
(cd w && ls -- *.* | sed 's/$/ 0/') >w.csv     # chroma full hd large odd plain rgb soft turned upright wide
check "add of many kinds" vsyn-ingest add r --list w.csv --root w --encoding raw --quiet
check "and as jpeg" vsyn-ingest add j --list w.csv --root w --quiet
same "sizes: reduced, odd, turned, stretched" "$(column r 6)" \
    "122x82 160x120 160x120 342x256 121x81 160x120 160x120 160x120 120x160 160x120 214x120"
witness "raw frames are ffmpeg's" r 6 w/plain.mp4 7 44
witness "jpeg frames are close to ffmpeg's" j 8 w/soft.mp4 3 36
witness "4:4:4" r 1 w/chroma.mkv 2 44 format=yuv420p
witness "odd size and 4:4:4" r 5 w/odd.mkv 2 44 format=yuv420p,crop=120:80:0:0
witness "full range stays full range" r 2 w/full.mkv 3 36
witness "RGB video" r 7 w/rgb.mkv 3 40 format=yuv420p
witness "the matrix of HD video" r 3 w/hd.mkv 3 40      # the other matrix: 28 dB
witness "rotation is applied" r 9 w/turned.mp4 5 44
witness "reduced to the short side" r 4 w/large.mp4 3 31 scale=342:256
witness "sample aspect ratio is applied" r 11 w/wide.mp4 3 28 scale=214:120
check "--fps and --max-seconds" vsyn-ingest add t --list w.csv --root w --fps 10 \
    --max-seconds 0.2 --short-side 64 --quiet
same "2 frames of 0.2 s at 10 fps" "$(column t 5)" "2 2 2 2 2 2 2 2 2 2 2"
check "--fps above the file's" vsyn-ingest add t2 --list w.csv --root w --fps 50 --quiet
same "every frame twice" "$(column t2 5)" "10 8 8 8 10 18 8 8 12 12 8"
fails 1 "a frame that is not there" "no frame 9, they are 0 to 8" \
    vsyn-ingest extract r --clip 6 --frames 9 --out png
fails 1 "a clip that is not there" "no clip 99" vsyn-ingest extract r --clip 99 --out png

# ---- Times ------------------------------------------------------------------------------------
# Frames 3, 4 and 9 are missing; then a start that is cut off by an edit list; then one second late.
video u/even.mp4 20 64x48 -g 5
video u/gaps.mkv 20 64x48 -vf 'select=not(eq(n\,3)+eq(n\,4)+eq(n\,9))' -vsync vfr -frames:v 17
ffmpeg -nostdin -v error -y -ss 0.3 -i u/even.mp4 -c copy u/edited.mp4
ffmpeg -nostdin -v error -y -f lavfi -i sine=d=2 -itsoffset 1 -i u/gaps.mkv -map 0 -map 1 -c:v copy u/late.mp4
(cd u && ls | sed 's/$/ 0/') >u.csv            # edited even gaps late
for e in jpeg copy; do
    check "videos with times, $e" vsyn-ingest add u-$e --list u.csv --root u --encoding $e --quiet
    same "an edit list is followed" "$(column u-$e 5)" "12 20 17 17"
    vsyn-ingest info u-$e --clip 3 >out
    same "frames keep their times" "$(tail -n +3 out | tr '\n' ' ')" "0.000000 0.040000 0.080000 0.200000 \
0.240000 0.280000 0.320000 0.400000 0.440000 0.480000 0.520000 0.560000 0.600000 0.640000 0.680000 0.720000 0.760000 "
    same "they count from the first one" "$(vsyn-ingest info u-$e --clip 4 | tail -n +3)" "$(tail -n +3 out)"
    same "only clips of variable rate have them" "$(vsyn-ingest info u-$e | grep -c '4 clips (0 partial, 2 of v')" 1
    same "an even one tells its rate" "$(vsyn-ingest info u-$e --clip 2 | tail -n 1)" "20 frames of 64x48, 25 a second"
done
same "as JSON" "$(vsyn-ingest info u-jpeg --clip 3 --json | tr -d ' ' | grep -o '"seconds":\[0.0,0.04,0.08,0.2,')" \
    '"seconds":[0.0,0.04,0.08,0.2,'
same "extract tells them" "$(vsyn-ingest extract u-jpeg --clip 3 --frames 0,3 --out png | tr '\t\n' ' ;')" \
    "png/f000.png 0.000000 s;png/f003.png 0.200000 s;"
for rate in 10 25 60; do
    "$VSYN_BUILD/tests/tools/compare_ffmpeg" --fps $rate u/* >out
    same "--fps $rate: frames as by ffmpeg" "$(awk '$1 == $2 && $4 >= 44' out | wc -l)" 4
done
check "--fps" vsyn-ingest add u-10 --list u.csv --root u --fps 10 --quiet
same "leaves none of a variable rate" "$(vsyn-ingest info u-10 | grep -c '(0 partial, 0 of v')" 1

# ---- Folder per class --------------------------------------------------------------------------
for i in 1 2 3 4 5; do cp w/plain.mp4 v/b.avi . ; mkdir -p f/jump f/"run fast"
    cp w/plain.mp4 f/jump/$i.mp4; cp v/b.avi f/"run fast"/$i.avi; done
check "add of a folder per class" vsyn-ingest add fs --folder f --quiet
same "labels are the sub-folders in order" "$(column fs 4)" \
    "jump jump jump jump jump run fast run fast run fast run fast run fast"
same "all in train" "$(vsyn-ingest info fs | grep -c 'f:train .* 10 clips of 10 listed')" 1
check "--test-share" vsyn-ingest add ft --folder f --test-share 0.2 --quiet
same "one of five per class is test" "$(vsyn-ingest list ft --split test | tail -n +2 | cut -f 3 |
    tr '\n' ' ')" "0 1 "
cp w/plain.mp4 f/jump/6.mp4
check "--test-share after a file was added" vsyn-ingest add ft --folder f --test-share 0.2 --quiet
same "no file is in two splits" "$(vsyn-ingest list ft | tail -n +2 | cut -f 1 | uniq -d)" ""
check "without --test-share" vsyn-ingest add ft --folder f --quiet
same "what is test stays test alone" "$(vsyn-ingest list ft --split test | tail -n +2 | cut -f 3 |
    tr '\n' ' ')$(vsyn-ingest list ft | tail -n +2 | cut -f 1 | uniq -d)" "0 1 "
for i in $(seq 7 20); do cp w/plain.mp4 f/jump/$i.mp4; done
check "--test-share after many more came" vsyn-ingest add ft --folder f --test-share 0.2 --quiet
same "each class is at its share" "$(vsyn-ingest list ft --split test | tail -n +2 | cut -f 3 | sort | uniq -c |
    tr -s ' \n' ' ')" " 4 0 1 1 "
check "all at once, other files around" vsyn-ingest add ft2 --folder f --test-share 0.2 --quiet
check "and again, another order of --jobs" vsyn-ingest add ft3 --folder f --test-share 0.2 --jobs 3 --quiet
same "the choice is by seed and name" "$(vsyn-ingest list ft2 --split test)" "$(vsyn-ingest list ft3 --split test)"
check "another seed" vsyn-ingest add ft4 --folder f --test-share 0.2 --seed 1 --quiet
same "is another choice" "$([ "$(vsyn-ingest list ft4 --split test)" != "$(vsyn-ingest list ft3 --split test)" ] && echo yes)" yes

printf 'a clip.mp4 0\nb.avi 1\n' >v/test.csv
check "a test list of files of train" vsyn-ingest add s --list v/test.csv --quiet
same "is warned of" "$(grep -c '2 files of data set v are in train and in test or val too, e.g. a clip.mp4' err)" 1

# ---- Folders of frames -------------------------------------------------------------------------
# As mmaction2 and Something-Something v2 have them: flow beside, a number missing, damage, times.
vsyn-ingest extract r --all --format jpeg --out raw-frames --quiet >out
for c in run/a run/b jump/c jump/d; do mkdir -p rf/$c; done
for i in 1 2 3 4 5 6 7 8 9; do
    from=raw-frames/plain/img_0000$i.jpg
    cp $from rf/run/a/0000$i.jpg; cp $from rf/run/b/img_$((i + 5)).jpg; cp $from rf/run/b/flow_x_0000$i.jpg
    cp $from rf/run/b/flow_x_1000$i.jpg; cp $from rf/jump/d/$i.jpeg
    [ $i = 4 ] || cp $from rf/jump/c/frame$i.jpg
done
echo nothing >rf/jump/d/5.jpeg; : >rf/jump/d/6.jpeg
seq 0 0.2 1.4 | sed 's/1.4/1.5/' >rf/jump/c/times.txt
check "folders of frames as a folder per class" vsyn-ingest add rfs --folder rf --encoding raw --quiet
same "frames, partly where some are missing or damaged" "$(vsyn-ingest list rfs | tail -n +2 | cut -f 3,5,8- |
    cut -d, -f 1 | tr '\t\n' ' ;')" \
    "0 8 jump/c partial: 8 of 9 frames;0 7 jump/d partial: 7 frames;1 9 run/a;1 9 run/b;"
same "times of times.txt" "$(vsyn-ingest info rfs --clip 1 | tail -1 | cut -d' ' -f 1,2,8)" "0.000000 0.200000 1.500000"
same "others by their numbers" "$(vsyn-ingest info rfs --clip 2 | tail -1)" \
    "0.000000 0.040000 0.080000 0.120000 0.240000 0.280000 0.320000"
witness "frame 7 of 9" rfs 3 w/plain.mp4 7 36
witness "in the order of numbers, without flow" rfs 4 w/plain.mp4 7 36
printf 'run/a 9 1\nrun/b 9 1\nrun/none 9 0\n' >rf/list.txt
check "a list of rawframes" vsyn-ingest add rfl --list rf/list.txt --encoding copy --frame-rate 10 --quiet
same "the same frames, as they are" "$(column rfl 5) $(column rfl 7) $(vsyn-ingest list rfl --failures | cut -f 2-)" \
    "9 9 10 10 run/none	no such file"
check "packets of pictures are read" vsyn-ingest extract rfl --clip 2 --frames 8 --out png --quiet
check "--fps of folders" vsyn-ingest add rft --folder rf --unlabelled --frame-rate 10 --fps 5 --quiet
same "every second" "$(column rft 5)" "5 5 5 5"
echo 1 >rf/jump/c/times.txt
vsyn-ingest add rfx --folder rf --quiet >out 2>err
same "bad times are told" "$(grep -c 'times.txt: expected 8 rising numbers' out)" 1

# ---- Official splits ---------------------------------------------------------------------------
mkdir -p ucf/Jump ucf/Run ann hm/sit han
cp v/b.avi ucf/Jump/v_Jump_g01_c01.avi; cp w/plain.mp4 ucf/Run/v_Run_g02_c01.avi
cp v/b.avi ucf/Run/v_Run_g01_c01.avi; cp v/b.avi "hm/sit/a #1.avi"; cp v/b.avi hm/sit/b.avi
printf '1 Run\r\n2 Jump\r\n' >ann/classInd.txt
printf 'Jump/v_Jump_g01_c01.avi 2\r\nRun/v_Run_g01_c01.avi 1\r\n' >ann/trainlist01.txt
printf 'Run/v_Run_g02_c01.avi\r\n' >ann/testlist01.txt
sed 's/_g01/_g02/' ann/trainlist01.txt | grep Run >ann/trainlist02.txt
printf 'Run/v_Run_g01_c01.avi\nJump/v_Jump_g01_c01.avi\n' >ann/testlist02.txt
printf 'a #1.avi 1 \nb.avi 2 \nc.avi 0 \n' >han/sit_test_split1.txt
check "UCF101, split 1" vsyn-ingest add o --dataset ucf101 --root ucf --annotations ann --quiet
check "UCF101, split 2" vsyn-ingest add o --dataset ucf101 --root ucf --annotations ann --fold 2 \
    --quiet
same "split 2 decodes nothing again" "$(head -1 out | grep -c '0 accepted.* 3 known')" 1
check "HMDB51" vsyn-ingest add o --dataset hmdb51 --root hm --annotations han --quiet
same "splits, labels, names" "$(vsyn-ingest list o | tail -n +2 | cut -f 2,3,4,8 | sort |
    tr '\t\n' ' ;')" "hmdb51:test 0 sit sit/b.avi;hmdb51:train 0 sit sit/a #1.avi;\
ucf101:test 0 Run Run/v_Run_g02_c01.avi;ucf101:test2 0 Run Run/v_Run_g01_c01.avi;\
ucf101:test2 1 Jump Jump/v_Jump_g01_c01.avi;ucf101:train 0 Run Run/v_Run_g01_c01.avi;\
ucf101:train 1 Jump Jump/v_Jump_g01_c01.avi;ucf101:train2 0 Run Run/v_Run_g02_c01.avi;"

# ---- Damage ------------------------------------------------------------------------------------
mkdir d && video d/whole.avi 40 160x120 && cp w/plain.mp4 d/good.mp4
head -c $(($(stat -c %s d/whole.avi) * 6 / 10)) d/whole.avi >d/cut.avi
echo "not a video" >d/text.mp4; : >d/empty.mp4; mkdir d/folder.mp4
ffmpeg -nostdin -v error -y -f lavfi -i sine -t 0.2 -c:a aac d/sound.mp4
printf '%s 0\n' good.mp4 cut.avi text.mp4 empty.mp4 missing.mp4 folder.mp4 sound.mp4 >d/l.csv
check "damaged files do not stop a run" vsyn-ingest add ds --list d/l.csv --quiet
same "accepted, partial, failed" "$(head -1 out | cut -d';' -f1)" \
    "data set d: 2 accepted (1 of them partial), 5 failed, 0 known already"
check "failures are kept" vsyn-ingest list ds --failures
same "with their reasons" "$(cut -f 2,3 out | tr '\t\n' '=;')" "empty.mp4=empty file;\
folder.mp4=a folder without pictures;missing.mp4=no such file;sound.mp4=no video stream;\
text.mp4=not a video: Invalid data found when processing input;"
same "the partial file says so" "$(vsyn-ingest list ds | grep -c 'cut.avi.partial: [0-9]* of 40 f')" 1
cp w/plain.mp4 d/missing.mp4
check "a failure is not tried again by itself" vsyn-ingest add ds --list d/l.csv --quiet
same "but counted" "$(head -1 out | grep -c '0 accepted.* 5 failed earlier')" 1
check "--retry tries it again" vsyn-ingest add ds --list d/l.csv --retry --quiet
same "and forgets the failure" "$(head -1 out | grep -c '1 accepted .*, 4 failed')" 1
same "which is gone" "$(vsyn-ingest list ds --failures | grep -c missing)" 0
printf 'text.mp4 0\nempty.mp4 0\n' >d/none.csv
fails 1 "nothing could be added" "nothing could be added: all 2 files failed" \
    vsyn-ingest add dn --list d/none.csv --quiet

# ---- Names and files of all kinds -------------------------------------------------------------
mkdir odd && cp w/plain.mp4 odd/-dash.mp4 && cp w/plain.mp4 odd/$'latin\xe9.mp4' && cp w/plain.mp4 "odd/%d 動画.mp4"
cp w/plain.mp4 "odd/a:b.mp4"; mkfifo odd/pipe.mp4; ln -s /dev/zero odd/zero.mp4
(cd odd && ls | sed 's/$/ 0/') >odd.csv
check "names that look like options, patterns, addresses" timeout 60 vsyn-ingest add od \
    --list odd.csv --root odd --quiet
same "are taken; pipes and devices are not" "$(head -1 out | grep -c ' 4 accepted .* 2 failed')" 1
check "and JSON holds them all" vsyn-ingest list od --json
same "one row each" "$(grep -o '"id"' out | wc -l)" 4

# ---- Wrong use, before anything is decoded -------------------------------------------------------
printf 'good.mp4 0\ntext.mp4,1\n' >d/comma.csv
fails 1 "a bad line is named" "d/comma.csv:2: a comma before the label" \
    vsyn-ingest add no --list d/comma.csv
fails 1 "a missing list" "nowhere.csv: cannot open" vsyn-ingest add no --list nowhere.csv
fails 1 "a missing root" "nowhere: no such folder (--root)" \
    vsyn-ingest add no --list d/l.csv --root nowhere
same "no store was made" "$(ls -d no 2>&1 | grep -c 'No such file')" 1
fails 1 "a root that is wrong" "none of the 7 listed files is there" \
    vsyn-ingest add no --list d/l.csv --root ann --quiet
fails 1 "other classes under the same name" "has 2 classes in the store, 1 now" \
    vsyn-ingest add fs --name f --folder hm
fails 1 "a folder that is no store" "neither a clip store nor an empty folder" \
    vsyn-ingest add d --list d/l.csv
fails 1 "no store" "no clip store here" vsyn-ingest info nowhere
fails 2 "no list at all" "none of --list, --folder and --dataset" vsyn-ingest add no
fails 2 "an option of another kind" "--test-share does not go with --list" \
    vsyn-ingest add no --list d/l.csv --test-share 0.5
fails 2 "an unknown data set" "did you mean ucf101" vsyn-ingest add no --dataset ucf11 --root d
fails 2 "annotations are needed" "needs --root DIR and --annotations DIR" \
    vsyn-ingest add no --dataset ucf101 --root d
flock ds/lock sleep 3 &
sleep 0.3
fails 1 "a second writer" "another process is writing to this store" \
    vsyn-ingest add ds --list d/l.csv --quiet
check "readers do not mind" vsyn-ingest verify ds --quiet
kill $!; wait $! 2>/dev/null

# ---- Killed, stopped, full disk: the next run goes on ---------------------------------------------
video k/0.mp4 60 320x240
for i in $(seq 1 23); do cp k/0.mp4 k/$i.mp4; done
for i in $(seq 0 23); do echo "$i.mp4 0"; [ "$i" = 5 ] && echo "gone.mp4 0"; done >k/l.csv
check "an undisturbed run" vsyn-ingest add calm --list k/l.csv --jobs 1 --quiet
want=$(listing calm; packs calm)
for signal in KILL INT; do
    rm -rf hurt
    vsyn-ingest add hurt --list k/l.csv --jobs 3 --quiet >/dev/null 2>hurt.err &
    while [ "$(stat -c %s hurt/packs/1.pack 2>/dev/null || echo 0)" -lt 1000000 ]; do
        kill -0 $! 2>/dev/null || break
        sleep 0.02
    done
    kill -$signal $! 2>/dev/null
    wait $! 2>/dev/null
    status=$?
    had=$(vsyn-ingest list hurt | tail -n +2 | wc -l)
    if [ "$had" -gt 0 ] && [ "$had" -lt 24 ]; then ok "SIG$signal came in the middle ($had clips)"
    else not_ok "SIG$signal came in the middle" "$had clips were in the store"; fi
    [ $signal = INT ] && same "SIGINT: exit 1, and how to go on" \
        "$status $(grep -c 'the same command goes on' hurt.err)" "1 1"
    check "verify after SIG$signal" vsyn-ingest verify hurt --quiet
    check "the same command again" vsyn-ingest add hurt --list k/l.csv --jobs 2 --quiet
    same "gives the store of an undisturbed run, any --jobs" "$(listing hurt; packs hurt)" "$want"
done
# A limit on file size stands for a full disk: the write fails in the middle of a clip.
rm -rf full
fails 1 "a full disk ends the run with one line" "full/packs/1.pack: cannot write" \
    bash -c "trap '' XFSZ; ulimit -f 1500; exec vsyn-ingest add full --list k/l.csv --quiet"
check "what was written is sound" vsyn-ingest verify full --quiet
check "and the run goes on" vsyn-ingest add full --list k/l.csv --quiet
same "to the same store" "$(listing full; packs full)" "$want"

# ---- Flipped bits -------------------------------------------------------------------------------
printf '\x55' | dd of=calm/packs/1.pack bs=1 seek=100000 conv=notrunc status=none
fails 1 "verify finds a flipped byte" "1 of 24 clips are damaged" vsyn-ingest verify calm --quiet
same "and names clip and frame" "$(grep -c 'clip [0-9]* (.*mp4), frame [0-9]*: checksum' out)" 1

# ---- Real clips, where they are -------------------------------------------------------------------
clips=$VSYN_ROOT/../shared/clips
if [ ! -d "$clips" ]; then
    skip "real clips" "../shared/clips is not here"
    finish
    exit 0
fi
# Frames that the README counts for a folder; 0 for what must be refused.
expected()
{
    awk -F'|' -v d="$1" '$2 ~ "^ " d "/" { f = $2; n = $8; gsub(/^ +| +$/, "", f)
        sub(/^[a-z]+\//, "", f); gsub(/ /, "", n); print f "\t" n }' "$clips/README.md" |
        sed "$2" | awk -F'\t' '$2 > 0' | sort
}
# jpeg.mp4 and cover art are pictures; nasa's best stream is not its first.
for kind in good odd bad; do
    (cd "$clips/$kind" && ls | sed 's/$/ 0/') >$kind.csv
    check "clips/$kind" vsyn-ingest add real --list $kind.csv --root "$clips/$kind" --name $kind --quiet
    vsyn-ingest list real --split $kind:all | tail -n +2 | cut -f 8,5 |
        awk -F'\t' '{ print $2 "\t" $1 }' | sort >got.txt
    expected $kind '/^jpeg.mp4/d; /^made_cover_art/d; s/^\(nasa_13013.mp4\).*/\1\t390/' >want.txt
    same "clips/$kind: frame counts of the README" "$(diff got.txt want.txt)" ""
done
same "good clips are whole" "$(vsyn-ingest list real --split good:all | grep -c partial)" 0
same "damaged clips say so" "$(vsyn-ingest list real --split bad:all | grep -c 'partial: ')" 17
check "verify of the real clips" vsyn-ingest verify real --quiet
finish
