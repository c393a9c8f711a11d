# SPDX-License-Identifier: MIT
"""tools/measure.py counts right, and each of its gates can go red.

Every gate is run on a small made-up repository that is in order, and then
on the same one with a single thing wrong.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MEASURE = ROOT / "tools" / "measure.py"

sys.path.insert(0, str(ROOT / "tools"))
import measure  # noqa: E402


def function(name: str, lines: int) -> str:
    """A C function of so many lines, signature and braces included."""
    body = "".join(f"    {name}_step({i});\n" for i in range(lines - 3))
    return f"void {name}(void)\n{{\n{body}}}\n"


UART = ("// uart.c - characters out.\n\n"
        + function("uart_init", 8) + "\n" + function("uart_put", 10))
README = """# Strata

| part | name | what it adds | code lines |
|---|---|---|---|
| 0 | [why](part0-why/README.md) | the machine | 20 |
| 1 | [boot](part1-boot/README.md) | the panic | 38 |
"""


class Repo:
    """Two parts, the second with all of the first and one file more."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for part in ("part0-why", "part1-boot"):
            self.write(f"{part}/uart.c", UART)
            self.write(f"{part}/main.c", "int part;\n")
            self.write(f"{part}/boot.S", "_start: // reset\n")
            self.write(f"{part}/demos/hog.c", function("hog", 99))
        self.write("part1-boot/panic.c", function("panic", 18))
        self.write("common/lib/printf.c", function("printf", 10))
        self.write("README.md", README)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def replace(self, name: str, old: str, new: str) -> None:
        assert old in self.read(name)
        self.write(name, self.read(name).replace(old, new, 1))

    def measure(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-B", str(MEASURE), "--root", str(self.root),
             *options], capture_output=True, text=True, timeout=20)

    def broken(self) -> list[str]:
        """The lines of --check; its exit status must go with them."""
        run = self.measure("--check")
        lines = run.stderr.splitlines()
        assert run.returncode == (1 if lines else 0), run.stderr
        return lines


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)


# --- What counts ---


@pytest.mark.parametrize("text, lines", [
    ("", 0),
    ("int a;\n\n   \nint b;\n", 2),
    ("// a comment\nint a; // and one behind code\n", 1),
    ("/* one\n   two\n\n   three */\nint a;\n", 1),
    ("int a; /* begins\nends */ int b;\n", 2),
    ('char *url = "http://x"; \nint b; // "\nint c;\n', 3),
    ('char *s = "/*";\nint a;\nchar *t = "*/";\n', 3),
    ('char *s = "\\"/*";\nint a;\n', 2),
    ("char q = '\"'; // \"\n// '\nint a;\n", 2),
    ("// continued \\\nstill comment\nint a;\n", 1),
    ("#include <a.h>\n#define A \\\n    1\n", 3),
    ("{\n}\n", 2),
    ("/* never closed\nint a;\n", 0),
    ("    mov x0, #1  // one\n    /* don't */\n    // it's\n1:  b 1b\n", 2),
])
def test_code_lines(text: str, lines: int) -> None:
    """Blank lines and comments don't count; strings hide no comments."""
    assert measure.code_lines(text) == lines


SOURCE = """\
#define OPEN(x) \\
    {           \\
    }

struct pair {
    int a;
};

static const int table[] = {
    1, 2,
};

// A comment is no part of the signature.
__attribute__((noreturn)) static void
first(int a,
      int b)
{
    // }
    if (a) {
        b();
    }
}
#define BETWEEN 1
int second(void) // {
{
    return 0;
}

int third(void) {
    return 0;
}
"""


def test_functions(tmp_path: Path) -> None:
    """A function reaches from its signature's first line to its brace."""
    (tmp_path / "a.c").write_text(SOURCE)
    found = measure.functions(tmp_path / "a.c")
    assert [(f.name, f.line, len(f.lines)) for f in found] == [
        ("first", 14, 9), ("second", 24, 4), ("third", 29, 3)]
    assert found[0].body[0] == "{" and found[0].body[-1] == "}"


def test_kernel_files(repo: Repo) -> None:
    """Demos, headers, check.c and self-tests are not counted."""
    repo.write("part0-why/uart.h", "int uart;\n")
    repo.write("part0-why/check.c", "int check;\n")
    repo.write("part0-why/selftest.c", "int selftest;\n")
    sizes = json.loads(repo.measure("--json").stdout)["sizes"]
    assert sizes[0]["name"] == "part0-why"
    assert sizes[0]["files"] == {"boot.S": 1, "main.c": 1, "uart.c": 18}


def test_headers_of_common_count(repo: Repo) -> None:
    """In common/ the headers count, in whatever directory they are."""
    repo.write("common/include/list.h", "int list;\n")
    common = json.loads(repo.measure("--json").stdout)["sizes"][-1]
    assert common["files"] == {"include/list.h": 1, "lib/printf.c": 10}


def test_tables(repo: Repo) -> None:
    """Without options there are two tables, and the exit status is 0."""
    run = repo.measure()
    assert run.returncode == 0
    size = next(s for s in run.stdout.splitlines() if "part1-boot" in s)
    assert size.split()[:5] == ["part1-boot", "38", "600", "3", "10"]
    step = run.stdout.partition("lines before")[2].splitlines()[1]
    assert step.split()[:3] == ["part1-boot", "22", "22"]
    assert "All budgets are kept." in run.stdout


def test_in_order(repo: Repo) -> None:
    """The fixture itself breaks no budget; else the tests below are void."""
    assert repo.broken() == []


# --- Each gate, red ---


def test_too_many_code_lines(repo: Repo) -> None:
    """Part 0 has a budget of 120 lines; the line names figure and limit."""
    for part in ("part0-why", "part1-boot"):
        repo.write(f"{part}/main.c", "int a;\n" * 103)
    assert repo.broken() == ["part0-why: 122 code lines, limit 120"]


def test_too_much_in_common(repo: Repo) -> None:
    """common/ has its own budget, its headers included."""
    repo.write("common/include/big.h", "int a;\n" * 891)
    assert repo.broken() == ["common: 901 code lines, limit 900"]


def test_too_few_kept_lines(repo: Repo) -> None:
    """Three lines of 22 changed leave less than 90 % of part 0."""
    for i in range(3):
        repo.replace("part1-boot/uart.c", f"uart_put_step({i})", f"new({i})")
    assert repo.broken() == ["part1-boot: keeps 86.4 % of the lines of "
                             "part0-why, at least 90 % must stand"]


def test_main_may_change(repo: Repo) -> None:
    """main.c is another in each part: it is not held against the last."""
    repo.write("part1-boot/main.c", "long other;\n")
    assert repo.broken() == []


@pytest.mark.parametrize("old, new", [
    ("    uart_put_step(1)", "\tuart_put_step(1)"),
    ("    uart_put_step(1);\n", "    uart_put_step(1);\n\n"),
    ("uart_put_step(1);", "uart_put_step(\n        1);"),
])
def test_white_space_hunk(repo: Repo, old: str, new: str) -> None:
    """Indenting, spacing out or breaking a line again is no lesson."""
    repo.replace("part1-boot/uart.c", old, new)
    [line] = repo.broken()
    assert line.startswith("part1-boot/uart.c:1")
    assert line.endswith("only white space changed")


def test_new_code_with_blank_lines(repo: Repo) -> None:
    """A new function brings blank lines along, and that is no such hunk."""
    repo.replace("part1-boot/uart.c", "void uart_put(",
                 function("uart_get", 5) + "\nvoid uart_put(")
    assert repo.broken() == []


def test_moved_to_another_file(repo: Repo) -> None:
    """A function that went to another file is reported."""
    moved = function("uart_init", 8)
    repo.replace("part1-boot/uart.c", moved + "\n", "")
    repo.replace("part1-boot/panic.c", "void", moved + "\nvoid")
    assert ("part1-boot/panic.c: uart_init moved here from uart.c"
            in repo.broken())


def test_moved_and_renamed(repo: Repo) -> None:
    """A new name or a lost 'static' does not hide a function that moved."""
    repo.replace("part1-boot/uart.c", function("uart_init", 8) + "\n", "")
    repo.replace("part1-boot/panic.c", "void", function(
        "uart_init", 8).replace("void uart_init", "int setup") + "\nvoid")
    assert ("part1-boot/panic.c: uart_init moved here from uart.c"
            in repo.broken())


def test_moved_out_of_main(repo: Repo) -> None:
    """main.c may change, but not by giving functions away."""
    repo.write("part0-why/main.c", function("greet", 6))
    repo.write("part1-boot/greet.c", function("greet", 6))
    assert repo.broken() == ["part1-boot/greet.c: greet moved here "
                             "from main.c"]


def test_alike_by_chance(repo: Repo) -> None:
    """A short body that another file has as well did not move there."""
    short = "int {}(void)\n{{\n    return 0;\n}}\n"
    repo.write("part0-why/main.c", short.format("ours"))
    repo.write("part1-boot/panic.c", short.format("theirs"))
    assert repo.broken() == []


def test_copy_that_was_there_before(repo: Repo) -> None:
    """What another file had all along did not move there either."""
    helper = function("helper", 8).replace("void", "static void")
    for name in ("part0-why/main.c", "part0-why/spare.c",
                 "part1-boot/spare.c"):
        repo.write(name, helper)
    assert repo.broken() == []


def test_moved_within_a_file(repo: Repo) -> None:
    """Two functions of a file that changed places are reported."""
    repo.write("part1-boot/uart.c",
               UART.split("\n\n")[0] + "\n\n" + function("uart_put", 10)
               + "\n" + function("uart_init", 8))
    assert ("part1-boot/uart.c: uart_put moved up, before uart_init"
            in repo.broken())


def test_file_gone(repo: Repo) -> None:
    """A file keeps its name in all later parts."""
    (repo.root / "part1-boot/boot.S").unlink()
    assert repo.broken() == ["part1-boot: has no boot.S; a file keeps its "
                             "name in all later parts"]


def test_longest_function(repo: Repo) -> None:
    """60 lines are allowed, 61 are not; file, line and name are told."""
    repo.write("part1-boot/many.c", "".join(
        function(f"f{i}", 5) + "\n" for i in range(20)) + function("f", 60))
    assert repo.broken() == []
    repo.replace("part1-boot/many.c", "void f(", "void\nf(")
    assert repo.broken() == ["part1-boot/many.c:121: f has 61 lines, "
                             "limit 60"]


def test_median_function(repo: Repo) -> None:
    """Half of a part's functions have at most 12 lines."""
    repo.write("part1-boot/exception.c", function("decode", 20))
    assert repo.broken() == ["part1-boot: the median function has 14 lines, "
                             "limit 12"]


def test_functions_within_a_screen(repo: Repo) -> None:
    """9 functions in 10 have at most 35 lines."""
    repo.write("common/lib/more.c",
               function("long_one", 36) + "\n" + function("short_one", 5))
    assert repo.broken() == ["common: 66.7 % of the functions are within 35 "
                             "lines, at least 90 % must be"]


def test_unfinished_function(repo: Repo) -> None:
    """A source that can't be read is an error, not a short function."""
    repo.write("part1-boot/panic.c", "void panic(void)\n{\n    stop();\n")
    run = repo.measure("--check")
    assert run.returncode == 2
    assert "no '}' at column 0 ends panic" in run.stderr
    assert len(run.stderr.splitlines()) == 1


# --- The README's table ---


def test_readme_is_right(repo: Repo) -> None:
    """The fixture's table states the true numbers."""
    run = repo.measure("--readme")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_readme_is_wrong(repo: Repo) -> None:
    """A wrong number is one line that says the right one."""
    repo.replace("README.md", "| 38 |", "| 543 |")
    run = repo.measure("--readme")
    assert run.returncode == 1
    assert run.stderr == ("README.md:6: part1-boot has 38 code lines, "
                          "not 543\n")


def test_fix_readme(repo: Repo) -> None:
    """--fix-readme puts the numbers right and touches nothing else."""
    repo.replace("README.md", "| 20 |", "| 1,020 |")
    repo.replace("README.md", "| 38 |", "|  |")
    assert repo.measure("--readme").returncode == 1
    assert repo.measure("--fix-readme").returncode == 0
    assert repo.read("README.md") == README


def test_readme_lacks_a_part(repo: Repo) -> None:
    """A part without a row, or a row without a part, is reported too."""
    repo.replace("README.md", "part1-boot", "part1-start")
    run = repo.measure("--readme")
    assert run.returncode == 1
    assert "there is no part1-start" in run.stderr
    assert "the table has no row for part1-boot" in run.stderr


# --- Wrong words ---


@pytest.mark.parametrize("options", [["--nonsense"],
                                     ["--root", "/nonexistent"]])
def test_wrong_words(repo: Repo, options: list[str]) -> None:
    """What can't be done is one line on stderr and exit status 2."""
    run = repo.measure(*options)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
