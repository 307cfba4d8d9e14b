"""Run folders and specs of others: what they may not do, and what is said when they are damaged."""

import json

import pytest

import scopf

OUTSIDE = {"hsllib": "/evil.so", "HSLLIB": "evil.so", "resto.pardisolib": "x", "spral_lib": "x"}
OUTSIDE |= {"output_file": "precious", "option_file_name": "precious"}


def run_folder(path, **keywords):
    scopf.sweep("case9", eta_q=[0.0, 0.1], max_iter=20, out=path, **keywords)
    return path


@pytest.mark.parametrize("name", OUTSIDE)
def test_options_of_a_run_folder_load_no_library_and_write_no_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious").write_text("as it was")
    out = run_folder(tmp_path / "out")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["spec"]["settings"]["options"] = {"linear_solver": "ma57", name: OUTSIDE[name]}
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(scopf.ScopfError, match=f"options.{name}.*names a file or a library"):
        scopf.sweep(out=out, resume=True)
    assert (tmp_path / "precious").read_text() == "as it was"


def test_options_of_a_spec_load_no_library_unless_the_command_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = tmp_path / "study.toml"
    spec.write_text('case = "case9"\n[options]\noutput_file = "precious"\n')
    (tmp_path / "precious").write_text("as it was")
    with pytest.raises(scopf.ScopfError, match=r"line 3.*names a file or a library"):
        scopf.sweep(spec)
    assert (tmp_path / "precious").read_text() == "as it was"
    scopf.sweep(spec, options={"output_file": "log of Ipopt"})
    assert (tmp_path / "log of Ipopt").exists()
