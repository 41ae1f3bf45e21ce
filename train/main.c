/* vsyn-train: pre-training, fine-tuning, testing. */
#include "train/bench.h"
#include "train/commands.h"
#include "train/config.h"
#include "train/footage.h"
#include "train/report.h"
#include "train/verify.h"

int main(int argc, char **argv)
{
    const vs_command commands[] = {
        { "pretrain", "", 0, 0, "train an autoencoder on a store or on scenes drawn on the fly",
          vs_pretrain_opts, sizeof(vs_train_settings), vs_train_pretrain },
        { "finetune", "", 0, 0, "train a classifier from a pre-trained encoder or from scratch",
          vs_finetune_opts, sizeof(vs_train_settings), vs_train_finetune },
        { "probe", "", 0, 0, "train a linear classifier on the features of a frozen encoder",
          vs_probe_opts, vs_probe_settings_size, vs_train_probe },
        { "features", "", 0, 0, "write the features of every clip of a split",
          vs_features_opts, vs_features_settings_size, vs_train_features },
        { "views", "STORE:ID", 1, 1, "a picture of each operation of RandAugment on a clip",
          vs_views_opts, vs_views_settings_size, vs_train_views },
        { "test", "", 0, 0, "accuracy of a classifier over a split, views averaged",
          vs_test_opts, vs_test_settings_size, vs_train_test },
        { "predict", VS_FOOTAGE_ARG, 1, 1, "classes of one clip",
          vs_predict_opts, vs_predict_settings_size, vs_train_predict },
        { "reconstruct", VS_FOOTAGE_ARG, 1, 1,
          "what an autoencoder makes of hidden patches",
          vs_reconstruct_opts, vs_reconstruct_settings_size, vs_train_reconstruct },
        { "presets", "", 0, 0, "the recipes of --preset, and what each sets", vs_presets_opts,
          vs_presets_settings_size, vs_train_presets },
        { "report", "RUN ...", 1, VS_REPORT_RUNS, "curves and settings of runs, side by side",
          vs_report_opts, vs_report_settings_size, vs_train_report },
        { "export", "", 0, 0, "a model for Hugging Face transformers or VideoMAE's own code",
          vs_export_opts, vs_convert_settings_size, vs_train_export },
        { "import", "FILE|DIR", 1, 1, "a model of others: safetensors, or .pth read safely",
          vs_import_opts, vs_convert_settings_size, vs_train_import },
        vs_command_verify,
        vs_command_bench,
        { 0 }
    };
    const vs_program program = { "vsyn-train", "VideoMAE training on real or synthetic video",
                                 commands };
    return vs_cli_main(&program, argc, argv);
}
