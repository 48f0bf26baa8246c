"""What the documents name is there."""

import re
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'SECURITY.md',
    'data/README.md',
    *(str(path.relative_to(ROOT)) for path in ROOT.glob('docs/*.md')),
    *(str(path.relative_to(ROOT)) for path in ROOT.glob('benchmarks/*.md')),
]
EXAMPLES = (
    *('configs/darnet_mine.py', 'configs/upernet_mine.py', 'configs/darnet_mixed.py'),
    *('configs/_base_/datasets/NAME.py', 'configs/darnet_NAME.py'),
)


@pytest.mark.parametrize('document', DOCUMENTS)
def test_named_files_are_there(document):
    text = (ROOT / document).read_text()
    named = re.findall(r'\b(?:configs|tools|tests|mmcd|benchmarks|docs)/[\w/.-]*\w', text)
    missing = [n for n in set(named) if n not in EXAMPLES and not (ROOT / n).exists()]
    assert missing == []


@pytest.mark.parametrize('document', DOCUMENTS)
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text()
    targets = re.findall(r'\]\(([^)#]+)', text)
    local = [target for target in targets if '://' not in target]
    assert [t for t in local if not ((ROOT / document).parent / t).exists()] == []


def test_model_index_names_every_config():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    listed = {model['Config'] for model in index['Models']}
    there = {f'configs/{path.name}' for path in (ROOT / 'configs').glob('*.py')}
    assert listed == there
    collections = {collection['Name'] for collection in index['Collections']}
    assert {model['In Collection'] for model in index['Models']} <= collections


def test_readme_commands_are_targets_of_the_makefile():
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    for document in ('README.md', 'CONTRIBUTING.md'):
        used = re.findall(r'(?:`|^ {4})make ([a-z-]+)', (ROOT / document).read_text(), re.M)
        assert set(used) <= targets


@pytest.mark.skipif(not (ROOT / '.git').exists(), reason='not a checkout')
def test_nothing_holds_a_path_of_one_machine():
    files = subprocess.run(
        ['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split('\0')
    # Of a checkout in the folder for temporary files, or in the root, its own name alone tells.
    usual = {Path(tempfile.gettempdir()), Path(ROOT.anchor), Path('/home'), Path('/data')}
    here = ROOT if ROOT.parent in usual else ROOT.parent
    texts = [ROOT / f for f in files if f.endswith(('.py', '.md', '.sh', '.yml', '.toml', 'file'))]
    assert [str(f) for f in texts if f.is_file() and f'{here}/' in f.read_text()] == []
