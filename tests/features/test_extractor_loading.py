"""What reaches an extractor when it is loaded by name: options, weights, device, threads; and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from mner.base.files import sha256_of
from mner.features.extractors import blip, detr, efficientnet, hub_grid, rapid_ocr, tesseract, yolox
from mner.features.extractors import extractor_names as load
from mner.features.extractors import pinned_models as onnx
from mner.features.extractors import pinned_models as packages
from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.extractor_names import Surroundings, load_extractor
from mner.features.extractors.pinned_models import from_hub, model_from_hub, state_sha256

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)
COMMIT = "0123456789abcdef" * 2 + "01234567"


class TestHub:
    @pytest.fixture
    def asked(self) -> list[tuple[str, dict[str, Any]]]:
        return []

    @pytest.fixture
    def factory(self, asked: list[tuple[str, dict[str, Any]]]) -> Any:
        """Keeps what it is asked for and gives a layer in training mode."""

        def from_pretrained(name: str, **options: Any) -> nn.Module:
            asked.append((name, options))
            layer = nn.Linear(2, 2)
            layer.config = SimpleNamespace(_commit_hash=options.get("revision"))
            return layer

        return SimpleNamespace(from_pretrained=from_pretrained)

    def test_a_model_is_asked_for_by_its_commit_in_whole_precision_and_comes_frozen(self, factory, asked) -> None:
        model, origin = model_from_hub(factory, "some/model", COMMIT, network=True)
        options = {"use_safetensors": True, "dtype": torch.float32, "local_files_only": False}
        assert asked == [("some/model", {"revision": COMMIT, **options})]
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())
        assert (origin["model"], origin["commit"]) == (f"hub:some/model@{COMMIT}", COMMIT)
        assert origin["weights_sha256"] == state_sha256(model)

    def test_a_folder_is_named_without_its_place_and_asked_for_without_a_revision(
        self, factory, asked, tmp_path
    ) -> None:
        (tmp_path / "weights").mkdir()
        _, origin = model_from_hub(factory, str(tmp_path / "weights"), None, network=False)
        ((_, options),) = asked
        assert "revision" not in options
        assert options["local_files_only"], "without the network only the cache is looked at"
        assert (origin["model"], origin["commit"]) == ("folder:weights", None)

    @pytest.mark.parametrize("error", [OSError, ImportError, ValueError])
    def test_whatever_the_hub_says_first_is_the_reason_that_is_told(self, error: type[Exception]) -> None:
        def from_pretrained(name: str, **_: Any) -> None:
            raise error("no such model\nand a long story")

        with pytest.raises(ExtractorError):
            from_hub(SimpleNamespace(from_pretrained=from_pretrained), "some/model", COMMIT, network=False)

    def test_the_hash_of_a_state_depends_on_shapes_and_types_and_not_on_the_order_of_layers(self) -> None:
        def state(**values: torch.Tensor) -> str:
            module = nn.Module()
            for name, value in values.items():
                module.register_buffer(name, value)
            return state_sha256(module)

        zeros = torch.zeros(4)
        assert state(a=zeros, b=zeros + 1) == state(b=zeros + 1, a=zeros)
        kinds = [zeros, zeros.view(2, 2), torch.zeros(4, dtype=torch.int32)]
        assert len({state(a=value) for value in kinds}) == 3, "the same bytes each time"


@pytest.mark.parametrize(
    ("name", "options", "part", "said"),
    [
        ("captions-blip", {"pieces": 7, "beams": 3}, "generation", "at most 7 pieces, 3 beams, no prompt"),
        ("captions-blip", {}, "generation", "at most 30 pieces, greedy, no prompt"),
        ("objects-detr", {"score": 0.1, "limit": 3}, "selection", {"score": 0.1, "limit": 3}),
        (
            "objects-detr",
            {"short": 9, "long": 90},
            "preprocessing",
            "RGB, short side to 9 px, long side at most 90 ",
        ),
        (
            "grid-hub",
            {"resize": 9, "crop": 8},
            "preprocessing",
            "RGB, short side to 9 px (bilinear, Pillow), centre crop of 8",
        ),
        ("grid-hub", {"pool": 2}, "regions", "last feature map, averaged to 2 x 2"),
    ],
)
def test_options_of_a_hub_extractor_reach_it_and_its_provenance(
    name: str, options: dict[str, Any], part: str, said: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = nn.Identity()
    model.config = SimpleNamespace(vision_config=SimpleNamespace(image_size=8))
    for module in (blip, detr, hub_grid):
        monkeypatch.setattr(module, "model_from_hub", lambda *_, **__: (model, {"model": "m"}))
    monkeypatch.setattr(blip, "from_hub", lambda *_, **__: None)
    provenance = load_extractor(name, Surroundings(CPU, tmp_path, network=False), options).provenance
    assert provenance["model"] == "m"
    assert provenance[part] == said if part == "selection" else provenance[part].startswith(said)


@pytest.mark.parametrize("name", ["captions-blip", "objects-detr", "grid-hub"])
@pytest.mark.parametrize("network", [False, True])
def test_a_hub_is_asked_over_the_network_only_where_that_is_allowed(
    name: str, network: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def asked(*_: Any, network: bool, **__: Any) -> None:
        raise ExtractorError(f"network: {network}")

    for module in (blip, detr, hub_grid):
        monkeypatch.setattr(module, "model_from_hub", asked)
    with pytest.raises(ExtractorError):
        load_extractor(name, Surroundings(CPU, tmp_path, network=network))


class TestOnnxRuntime:
    @pytest.fixture
    def made(self, monkeypatch) -> list[SimpleNamespace]:
        """Sessions that were made, by a runtime that knows a GPU."""
        made: list[SimpleNamespace] = []

        def session(path: str, *, sess_options: SimpleNamespace, providers: list[Any]) -> SimpleNamespace:
            names = [one if isinstance(one, str) else one[0] for one in providers]
            made.append(SimpleNamespace(path=path, options=sess_options, providers=providers))
            return SimpleNamespace(get_providers=lambda: names)

        runtime = SimpleNamespace(
            SessionOptions=SimpleNamespace,
            get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
            InferenceSession=session,
        )
        monkeypatch.setattr(onnx, "needed", lambda module, extractor: runtime)
        monkeypatch.setattr(yolox, "versions", lambda *names: {})
        return made

    def test_a_session_has_the_threads_it_is_given_and_keeps_to_the_processor(self, made) -> None:
        onnx.onnx_session(Path("model.onnx"), CPU, 3, "X")
        (one,) = made
        assert (one.path, one.options.intra_op_num_threads, one.options.inter_op_num_threads) == (
            "model.onnx",
            3,
            1,
        )
        assert one.providers == ["CPUExecutionProvider"]

    def test_on_a_gpu_it_is_asked_first_and_by_its_number(self, made) -> None:
        onnx.onnx_session(Path("model.onnx"), GPU, 1, "X")
        assert made[0].providers == [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"]

    def test_the_detector_is_loaded_with_its_options_and_names_its_weights_and_where_it_runs(
        self, made, monkeypatch, tmp_path
    ) -> None:
        weights = tmp_path / "w.onnx"
        weights.write_bytes(b"weights")
        asked: list[tuple[tuple[Path, ...], bool]] = []

        def fetch(source: Any, *, cache: Path, mirrors: tuple[Path, ...], network: bool) -> Path:
            asked.append((mirrors, network))
            return weights

        monkeypatch.setattr(load, "fetch", fetch)
        around = Surroundings(GPU, tmp_path, (tmp_path / "mirror",), network=False, threads=4)
        options = {"score": 0.2, "overlap": 0.6, "limit": 7}
        provenance = load_extractor("objects-yolox-nano", around, options).provenance
        assert asked == [((tmp_path / "mirror",), False)]
        assert provenance["selection"] == {**options, "suppression": "within a class"}
        assert provenance["weights_sha256"] == sha256_of(weights)
        assert provenance["provider"] == "CUDAExecutionProvider"
        assert made[0].options.intra_op_num_threads == 4
        plain = load_extractor("objects-yolox-nano", around).provenance["selection"]
        assert [plain[name] for name in options] == [0.3, 0.45, 100]


class TestRapidOcr:
    @pytest.fixture
    def asked(self, monkeypatch) -> list[dict[str, Any]]:
        """Parameters of the engines that were made; a runtime that knows a GPU, and whole weights."""
        asked: list[dict[str, Any]] = []

        def engine(params: dict[str, Any]) -> None:
            asked.append(params)

        package = SimpleNamespace(__file__="/there/rapidocr/__init__.py", RapidOCR=engine)
        runtime = SimpleNamespace(get_available_providers=lambda: ["CUDAExecutionProvider"])
        monkeypatch.setattr(
            rapid_ocr, "needed", lambda module, extractor: runtime if module == "onnxruntime" else package
        )
        monkeypatch.setattr(rapid_ocr, "checked_weights", lambda path, sha256, distribution: path)
        monkeypatch.setattr(rapid_ocr, "versions", lambda *names: {})
        return asked

    @pytest.mark.parametrize(("device", "cuda"), [(CPU, False), (GPU, True)])
    def test_the_engine_is_made_for_the_device_with_threads_and_score(self, device, cuda, asked, tmp_path) -> None:
        reader = load_extractor("ocr-rapidocr", Surroundings(device, tmp_path, threads=3), {"score": 0.8})
        (parameters,) = asked
        runtime = "EngineConfig.onnxruntime"
        assert parameters[f"{runtime}.use_cuda"] is cuda
        assert parameters[f"{runtime}.cuda_ep_cfg.device_id"] == (1 if cuda else 0)
        assert (parameters[f"{runtime}.intra_op_num_threads"], parameters["Global.text_score"]) == (3, 0.8)
        assert parameters["Global.max_side_len"] == 2000
        assert parameters["Rec.model_path"] == f"/there/rapidocr/models/{rapid_ocr.MODELS['Rec'][0]}"
        assert reader.provenance["provider"] == ("CUDA" if cuda else "CPU")
        assert reader.provenance["selection"] == {"score": 0.8}

    def test_other_models_than_the_measured_ones_are_refused(self, asked, monkeypatch, tmp_path) -> None:
        monkeypatch.setattr(rapid_ocr, "checked_weights", packages.checked_weights)
        with pytest.raises(ExtractorError):
            load_extractor("ocr-rapidocr", Surroundings(CPU, tmp_path))
        assert asked == []


class TestTesseract:
    @pytest.fixture
    def package(self, monkeypatch) -> SimpleNamespace:
        """The package that calls the program, without the program."""
        package = SimpleNamespace(
            TesseractNotFoundError=type("TesseractNotFoundError", (Exception,), {}),
            get_tesseract_version=lambda: "5.0",
            get_languages=lambda: ["eng", "osd"],
        )
        monkeypatch.setattr(tesseract, "needed", lambda module, extractor: package)
        monkeypatch.setattr(tesseract, "versions", lambda *names: {})
        return package

    def test_its_options_stand_in_its_provenance(self, package, tmp_path) -> None:
        options = {"language": "osd", "layout": 6, "score": 0.2}
        provenance = load_extractor("ocr-tesseract", Surroundings(CPU, tmp_path), options).provenance
        assert provenance["model"] == "Tesseract 5.0, language osd"
        assert provenance["selection"] == {"score": 0.2, "layout": 6}

    def test_a_language_that_is_not_installed_is_refused(self, package) -> None:
        with pytest.raises(ExtractorError):
            tesseract.load_tesseract(language="deu")

    def test_an_absent_program_is_told_with_what_brings_it(self, package) -> None:
        def absent() -> str:
            raise package.TesseractNotFoundError("not in PATH")

        package.get_tesseract_version = absent
        with pytest.raises(ExtractorError):
            tesseract.load_tesseract()


def test_a_package_that_lacks_a_name_of_a_class_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for lacking in (None, ""):
        package = SimpleNamespace(
            get_1k_class_name=lambda number, lacking=lacking: "a" if number != 7 else lacking
        )
        monkeypatch.setattr(efficientnet, "needed", lambda module, extractor, package=package: package)
        with pytest.raises(ExtractorError):
            efficientnet.imagenet_names()


class TestNames:
    def test_options_are_left_as_they_were_given(self, monkeypatch, tmp_path) -> None:
        """The same options load an extractor a second time."""
        parts = {"detector": {"name": "no-such-thing"}, "grid": {"name": "neither"}}
        given = {"objects": 2, **{part: dict(options) for part, options in parts.items()}}
        for _ in range(2):
            with pytest.raises(ExtractorError):
                load_extractor("crops", Surroundings(CPU, tmp_path), given)
        assert given == {"objects": 2, **parts}

    def test_what_an_extractor_is_given_by_its_surroundings_is_no_option(self, monkeypatch, tmp_path) -> None:
        monkeypatch.setattr(load, "fetch", lambda *_, **__: tmp_path)
        with pytest.raises(ExtractorError):
            load_extractor("objects-yolox-nano", Surroundings(CPU, tmp_path), {"threads": 2})

    def test_a_package_that_is_broken_or_whose_version_is_not_known_is_told_with_the_extra(
        self, monkeypatch, tmp_path
    ) -> None:
        (tmp_path / "broken_package.py").write_text("from math import no_such_name")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(ExtractorError):
            packages.needed("broken_package", "tags")
        with pytest.raises(ExtractorError):
            packages.versions("pillow", "no-such-distribution")
