#!/usr/bin/env python3
"""The model of `vsyn-train bench` in PyTorch, tuned as one would there: what our speed is compared
with on a GPU.

No part of the product or of its tests: scripts/gpu-check runs it where python3 has torch, in turns
with vsyn-train. Written from the formulas of the VideoMAE paper; parameters have its names, so that
--golden can load the reference and compare.

    pytorch_videomae.py --model base --task pretrain --batch 64 [--device cuda] [--precision bf16]
    pytorch_videomae.py --golden tests/golden/model     losses of the reference, fp32, CPU
    pytorch_videomae.py ... --turns                     one result for each line read from stdin

Tuned: torch.compile, bf16 autocast, scaled_dot_product_attention, fused AdamW, patches of visible
tokens alone are embedded, one synchronisation a run and not one a step. As in vsyn-train bench
every step copies its frames (uint8, from pinned memory) to the device, and normalisation and
targets are made there.

One line of JSON per run on stdout: the fields of `vsyn-train bench --json` that apply.
"""
import argparse
import json
import struct
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

# Image side, width, depth, heads; of the decoder width, depth, heads.
SIZES = {
    "micro": (64, 96, 3, 3, 48, 2, 3),
    "tiny": (224, 192, 12, 3, 96, 4, 3),
    "small": (224, 384, 12, 6, 192, 4, 3),
    "base": (224, 768, 12, 12, 384, 4, 6),
    "large": (224, 1024, 24, 16, 512, 4, 8),
    "huge": (224, 1280, 32, 16, 640, 4, 8),
}
TUBELET, PATCH = 2, 16
VALUES = 3 * TUBELET * PATCH * PATCH
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        B, S, C = x.shape
        bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
        qkv = F.linear(x, self.qkv.weight, bias).view(B, S, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, S, C))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def positions(tokens, width):
    """sin and cos of token / 10000^(2 floor(j/2) / width), in double precision."""
    j = torch.arange(width, dtype=torch.float64)
    angle = torch.arange(tokens, dtype=torch.float64)[:, None] / 10000 ** (2 * (j // 2) / width)
    return torch.where(j % 2 == 0, angle.sin(), angle.cos()).float()


def cut(frames):
    """(B, T, H, W, 3) bytes -> (B, N, tubelet, patch, patch, 3), tokens by time, row, column."""
    B, T, H, W, _ = frames.shape
    x = frames.view(B, T // TUBELET, TUBELET, H // PATCH, PATCH, W // PATCH, PATCH, 3)
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(B, -1, TUBELET, PATCH, PATCH, 3)


class Embed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj = nn.Conv3d(3, width, (TUBELET, PATCH, PATCH), (TUBELET, PATCH, PATCH))
        self.register_buffer("mean", torch.tensor(MEAN), persistent=False)
        self.register_buffer("std", torch.tensor(STD), persistent=False)

    def forward(self, patches):
        """The convolution as a product, of the patches given alone."""
        x = ((patches.float() / 255 - self.mean) / self.std).permute(0, 1, 5, 2, 3, 4).flatten(2)
        return F.linear(x, self.proj.weight.flatten(1), self.proj.bias)


def targets(patches):
    """Pixels less their mean, over their deviation, by patch and colour: (B, S, values)."""
    x = (patches.float() / 255).flatten(2, 4)
    return ((x - x.mean(2, keepdim=True)) / (x.var(2, keepdim=True).sqrt() + 1e-6)).flatten(2)


def take(x, index):
    """x[b, index[b, s]]"""
    return x[torch.arange(x.shape[0], device=x.device)[:, None], index]


class Stack(nn.Module):
    def __init__(self, width, depth, heads):
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))


class Autoencoder(nn.Module):
    def __init__(self, size, tokens):
        super().__init__()
        _, width, depth, heads, dec_width, dec_depth, dec_heads = size
        self.encoder = Stack(width, depth, heads)
        self.encoder.patch_embed = Embed(width)
        self.encoder.norm = nn.LayerNorm(width, eps=1e-6)
        self.encoder_to_decoder = nn.Linear(width, dec_width, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dec_width))
        self.decoder = Stack(dec_width, dec_depth, dec_heads)
        self.decoder.norm = nn.LayerNorm(dec_width, eps=1e-6)
        self.decoder.head = nn.Linear(dec_width, VALUES)
        self.register_buffer("pos", positions(tokens, width), persistent=False)
        self.register_buffer("dec_pos", positions(tokens, dec_width), persistent=False)

    def forward(self, frames, visible, masked):
        patches = cut(frames)
        x = self.encoder.patch_embed(take(patches, visible)) + self.pos[visible]
        for block in self.encoder.blocks:
            x = block(x)
        x = self.encoder_to_decoder(self.encoder.norm(x)) + self.dec_pos[visible]
        x = torch.cat((x, self.mask_token + self.dec_pos[masked]), 1)
        for block in self.decoder.blocks:
            x = block(x)
        x = self.decoder.head(self.decoder.norm(x[:, -masked.shape[1]:]))
        return F.mse_loss(x.float(), targets(take(patches, masked)))


class Classifier(nn.Module):
    def __init__(self, size, tokens, classes):
        super().__init__()
        _, width, depth, heads = size[:4]
        self.patch_embed = Embed(width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.fc_norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)
        self.register_buffer("pos", positions(tokens, width), persistent=False)

    def forward(self, frames, target=None):
        x = self.patch_embed(cut(frames)) + self.pos
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.fc_norm(x.mean(1))).float()
        return logits if target is None else F.cross_entropy(logits, target)


# ---- Runs --------------------------------------------------------------------------------


class Run:
    """A model with its inputs on the host; steps() times some steps."""

    def __init__(self, a):
        size = SIZES[a.model]
        side = a.size or size[0]
        grid = side // PATCH
        cells, times = grid * grid, a.frames // TUBELET
        tokens = cells * times
        torch.manual_seed(0)
        self.a = a
        self.device = torch.device(a.device)
        self.frames = torch.randint(0, 256, (a.batch, a.frames, side, side, 3), dtype=torch.uint8)
        if a.task == "pretrain":
            self.model = Autoencoder(size, tokens)
            hidden = torch.arange(tokens) % cells < int(a.mask_ratio * cells)
            self.more = [torch.nonzero(hidden == h).view(1, -1).repeat(a.batch, 1)
                         for h in (False, True)]
        else:
            self.model = Classifier(size, tokens, a.classes)
            target = F.one_hot(torch.arange(a.batch) % a.classes, a.classes).float()
            self.more = [target] if a.task == "finetune" else []
        self.parameters = sum(p.numel() for p in self.model.parameters())
        self.model.to(self.device)
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("highest")
            self.frames = self.frames.pin_memory()
            self.more = [x.pin_memory() for x in self.more]
        self.step_of = self.model if a.no_compile else torch.compile(self.model)
        self.adamw = torch.optim.AdamW(self.model.parameters(), lr=1e-5, betas=(0.9, 0.95),
                                       weight_decay=0.05, fused=self.device.type == "cuda")
        self.warm = False

    def step(self):
        frames = self.frames.to(self.device, non_blocking=True)
        more = [x.to(self.device, non_blocking=True) for x in self.more]
        half = self.a.precision == "bf16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half):
            if self.a.task == "test":
                with torch.no_grad():
                    return self.step_of(frames)
            loss = self.step_of(frames, *more)
        self.adamw.zero_grad(set_to_none=True)
        loss.backward()
        self.adamw.step()
        return loss

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def steps(self):
        for _ in range(1 if self.warm else 3):
            last = self.step()
        self.warm = True
        self.wait()
        start = time.perf_counter()
        for _ in range(self.a.steps):
            last = self.step()
        self.wait()
        seconds = time.perf_counter() - start
        a, cuda = self.a, self.device.type == "cuda"
        return {
            "framework": f"PyTorch {torch.__version__}{', not' if a.no_compile else ','} compiled",
            "model": a.model, "task": a.task, "batch": a.batch, "steps": a.steps,
            "precision": a.precision, "clips_per_s": a.batch * a.steps / seconds,
            "step_ms": {"mean": 1e3 * seconds / a.steps},
            "parameters": self.parameters, "last": last.detach().float().mean().item(),
            "peak_memory_bytes": torch.cuda.max_memory_allocated() if cuda else None,
            "device": torch.cuda.get_device_name() if cuda else "cpu",
        }


# ---- The reference ------------------------------------------------------------------------


def safetensors(path):
    types = {"F32": torch.float32, "U8": torch.uint8, "I64": torch.int64}
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = bytearray(f.read())
    header.pop("__metadata__", None)
    return {name: torch.frombuffer(data[slice(*t["data_offsets"])],
                                   dtype=types[t["dtype"]]).view(t["shape"])
            for name, t in header.items()}


def golden(folder):
    """Losses of the tiny reference, ours and theirs; true when they agree to 1e-5 (targets of flat
    colours are round-off in the reference, so those are given)."""
    weights = safetensors(f"{folder}/tiny_pretrain_weights.safetensors")
    io = safetensors(f"{folder}/tiny_pretrain_io.safetensors")
    mae = Autoencoder(SIZES["micro"], 128)
    mae.load_state_dict(weights)
    mask = io["mask"].bool()
    visible, masked = (torch.nonzero(mask == h)[:, 1].view(2, -1) for h in (False, True))
    global targets
    computed, targets = targets, lambda patches: io["target"]
    loss = mae(io["frames"], visible, masked).item()
    targets = computed
    classifier = Classifier(SIZES["micro"], 128, 5)
    encoder = {n[8:]: x for n, x in weights.items()
               if n.startswith("encoder.") and "encoder.norm" not in n}
    head = safetensors(f"{folder}/tiny_finetune_head_weights.safetensors")
    classifier.load_state_dict(encoder | head)
    fine = safetensors(f"{folder}/tiny_finetune_io.safetensors")
    off = (classifier(io["frames"]) - fine["logits"]).abs().max().item()
    ok = abs(loss - io["loss"].item()) < 1e-5 and off < 1e-5
    print(json.dumps({"pretrain_loss": loss, "reference": io["loss"].item(), "logits_off_by": off,
                      "agrees": ok}))
    return ok


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default="base", choices=SIZES)
    p.add_argument("--task", default="pretrain", choices=("pretrain", "finetune", "test"))
    p.add_argument("--batch", type=int, default=2)
    p.add_argument("--steps", type=int, default=10)
    p.add_argument("--size", type=int, default=0)
    p.add_argument("--frames", type=int, default=16)
    p.add_argument("--classes", type=int, default=101)
    p.add_argument("--mask-ratio", type=float, default=0.75)
    p.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    p.add_argument("--precision", default="bf16", choices=("fp32", "bf16"))
    p.add_argument("--no-compile", action="store_true")
    p.add_argument("--turns", action="store_true", help="a run for each line of stdin")
    p.add_argument("--golden", metavar="FOLDER", help="compare with the reference instead")
    a = p.parse_args()
    if a.golden:
        return 0 if golden(a.golden) else 1
    run = Run(a)
    for _ in sys.stdin if a.turns else [0]:
        print(json.dumps(run.steps()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
