"""What a ComfyUI server says of the nodes in our workflows: as their source and its documentation have them.

Only what a check reads: inputs with their types and bounds, types of outputs, whether it saves. Old nodes list choices
as they are, newer ones as COMBO with options.
"""

from typing import Any

Definition = dict[str, Any]


def whole(low: int, high: int, **more: Any) -> list[Any]:
    return ["INT", {"min": low, "max": high, **more}]


def number(low: float, high: float) -> list[Any]:
    return ["FLOAT", {"min": low, "max": high}]


def combo(*options: str, **more: Any) -> list[Any]:
    return ["COMBO", {"options": list(options), **more}]


def listed(*options: str, **more: Any) -> list[Any]:
    return [list(options), more]


def text() -> list[Any]:
    return ["STRING", {"multiline": True}]


def link(kind: str) -> list[Any]:
    return [kind, {}]


def node(required: Definition, *outputs: str, saves: bool = False, optional: Definition | None = None) -> Definition:
    return {
        "input": {"required": required, "optional": optional or {}, "hidden": {"prompt": "PROMPT"}},
        "output": list(outputs), "output_node": saves, "api_node": False,
    }  # fmt: skip


PREFIX = ["STRING", {"default": "ComfyUI"}]
SEED = whole(0, 2**64 - 1, control_after_generate=True)
VOICES = (
    *("af_heart", "af_bella", "af_nicole", "am_fenrir", "am_michael", "am_puck", "bf_emma", "bm_fable", "bm_george"),
    *("ff_siwis", "ef_dora", "if_sara", "pf_dora"),
)
LANGUAGES = (
    *("English", "English (British)", "French", "Japanese", "Hindi", "Mandarin Chinese", "Spanish"),
    *("Brazilian Portuguese", "Italian"),
)
KEYS = tuple(
    f"{root} {quality}"
    for quality in ("major", "minor")
    for root in ("C", "C#", "Db", "D", "D#", "Eb", "E", "F", "F#", "Gb", "G", "G#", "Ab", "A", "A#", "Bb", "B")
)
SAMPLER = {
    "model": link("MODEL"), "seed": SEED, "steps": whole(1, 10_000), "cfg": number(0, 100),
    "sampler_name": listed("euler", "uni_pc"), "scheduler": listed("simple", "normal"),
    "positive": link("CONDITIONING"), "negative": link("CONDITIONING"), "latent_image": link("LATENT"),
    "denoise": number(0, 1),
}  # fmt: skip
WORDS = {
    "clip": link("CLIP"), "tags": text(), "lyrics": text(), "seed": SEED, "bpm": whole(10, 300),
    "duration": number(0, 2000), "timesignature": combo("2", "3", "4", "6"), "language": combo("en", "de", "fr"),
    "keyscale": combo(*KEYS), "generate_audio_codes": ["BOOLEAN", {"default": True}], "cfg_scale": number(0, 100),
    "temperature": number(0, 2), "top_p": number(0, 2000), "top_k": whole(0, 100), "min_p": number(0, 1),
}  # fmt: skip
VIDEO_FORMAT = ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "auto", "inputs": {"required": {}}}]}]

DEFINITIONS: dict[str, Definition] = {
    # pictures and video, on any machine
    "EmptyImage": node({"width": whole(1, 16_384), "height": whole(1, 16_384), "batch_size": whole(1, 4096),
                        "color": whole(0, 0xFFFFFF)}, "IMAGE"),
    "ImageScale": node({"image": link("IMAGE"), "upscale_method": listed("nearest-exact", "bilinear"),
                        "width": whole(0, 16_384), "height": whole(0, 16_384),
                        "crop": listed("disabled", "center")}, "IMAGE"),
    "ImageBlur": node({"image": link("IMAGE"), "blur_radius": whole(1, 31), "sigma": number(0.1, 10)}, "IMAGE"),
    "LoadImage": node({"image": listed("example.png", image_upload=True)}, "IMAGE", "MASK"),
    "SaveImage": node({"images": link("IMAGE"), "filename_prefix": PREFIX}, saves=True),
    "PreviewImage": node({"images": link("IMAGE")}, saves=True),
    "CreateVideo": node({"images": link("IMAGE"), "fps": number(1, 120)}, "VIDEO", optional={"audio": link("AUDIO")}),
    "SaveVideo": node({"video": link("VIDEO"), "filename_prefix": PREFIX, "format": VIDEO_FORMAT}, "VIDEO", saves=True,
                      optional={"codec": VIDEO_FORMAT}),
    "LoadVideo": node({"file": combo(video_upload=True)}, "VIDEO"),
    "GetVideoComponents": node({"video": link("VIDEO")}, "IMAGE", "AUDIO", "FLOAT"),
    "PrimitiveStringMultiline": node({"value": text()}, "STRING"),
    # sound
    "EmptyAudio": node({"duration": number(0, 1e6), "sample_rate": whole(1, 192_000), "channels": whole(1, 2)},
                       "AUDIO"),
    "LoadAudio": node({"audio": combo(audio_upload=True)}, "AUDIO"),
    "SaveAudio": node({"audio": link("AUDIO"), "filename_prefix": PREFIX}, saves=True),
    "SaveAudioMP3": node({"audio": link("AUDIO"), "filename_prefix": PREFIX, "quality": combo("V0", "128k", "320k")},
                         saves=True),
    # models
    "CheckpointLoaderSimple": node({"ckpt_name": listed("ace_step_1.5_turbo_aio.safetensors")}, "MODEL", "CLIP", "VAE"),
    "UNETLoader": node({"unet_name": listed("wan2.2_ti2v_5B_fp16.safetensors"),
                        "weight_dtype": listed("default", "fp8_e4m3fn")}, "MODEL"),
    "CLIPLoader": node({"clip_name": listed("umt5_xxl_fp8_e4m3fn_scaled.safetensors"), "type": listed("sd3", "wan")},
                       "CLIP", optional={"device": listed("default", "cpu")}),
    "VAELoader": node({"vae_name": listed("wan2.2_vae.safetensors")}, "VAE"),
    "ModelSamplingSD3": node({"model": link("MODEL"), "shift": number(0, 100)}, "MODEL"),
    "ModelSamplingAuraFlow": node({"model": link("MODEL"), "shift": number(0, 100)}, "MODEL"),
    "CLIPTextEncode": node({"text": text(), "clip": link("CLIP")}, "CONDITIONING"),
    "ConditioningZeroOut": node({"conditioning": link("CONDITIONING")}, "CONDITIONING"),
    "KSampler": node(SAMPLER, "LATENT"),
    "VAEDecode": node({"samples": link("LATENT"), "vae": link("VAE")}, "IMAGE"),
    "VAEDecodeAudio": node({"samples": link("LATENT"), "vae": link("VAE")}, "AUDIO"),
    "Wan22ImageToVideoLatent": node(
        {"vae": link("VAE"), "width": whole(32, 16_384), "height": whole(32, 16_384), "length": whole(1, 16_384),
         "batch_size": whole(1, 4096)}, "LATENT", optional={"start_image": link("IMAGE")}),
    "TextEncodeAceStepAudio1.5": node(WORDS, "CONDITIONING"),
    "EmptyAceStep1.5LatentAudio": node({"seconds": number(1, 1000), "batch_size": whole(1, 4096)}, "LATENT"),
    # custom nodes: comfyui-kokoro, ComfyUI-VideoHelperSuite, ComfyUI-LatentSyncWrapper
    "KokoroSpeaker": node({"speaker_name": listed(*VOICES)}, "KOKORO_SPEAKER"),
    "KokoroGenerator": node({"text": text(), "speaker": link("KOKORO_SPEAKER"), "speed": number(0.1, 4),
                             "lang": listed(*LANGUAGES)}, "AUDIO"),
    "VHS_LoadVideo": node({"video": listed(), "force_rate": number(0, 60), "custom_width": whole(0, 8192),
                           "custom_height": whole(0, 8192), "frame_load_cap": whole(0, 2**31),
                           "skip_first_frames": whole(0, 2**31), "select_every_nth": whole(1, 2**31)},
                          "IMAGE", "INT", "AUDIO", "VHS_VIDEOINFO"),
    "LatentSyncNode": node({"images": link("IMAGE"), "audio": link("AUDIO"), "seed": ["INT", {"default": 1247}],
                            "lips_expression": number(1, 3), "inference_steps": whole(1, 999)}, "IMAGE", "AUDIO"),
}  # fmt: skip
