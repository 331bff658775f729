"""One process at a time writes a results folder, on a disk and in an object store."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from erpo_explore.errors import ResultsError
from erpo_explore.store.files import Folder
from erpo_explore.store.writer_lock import _held_in_store, locked

HOLD = (
    "import sys, time; from erpo_explore.store.writer_lock import locked\n"
    "with locked(sys.argv[1]): print('held', flush=True); time.sleep(600)"
)


class TestOnADisk:
    def test_a_second_writer_is_refused_and_told_who_holds_it(self, tmp_path: Path) -> None:
        said = rf"is being written by process {os.getpid()} on {socket.gethostname()}; wait until it ends, or end it"
        with locked(tmp_path), pytest.raises(ResultsError, match=said), locked(tmp_path):
            pass

    def test_it_is_free_after_the_block(self, tmp_path: Path) -> None:
        for _ in range(2):
            with locked(tmp_path):
                pass

    def test_a_copy_is_free(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        with locked(tmp_path / "a"):
            shutil.copytree(tmp_path / "a", tmp_path / "b")
            with locked(tmp_path / "b"):
                pass

    def test_a_killed_process_holds_nothing(self, tmp_path: Path) -> None:
        holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(ResultsError, match=f"process {holder.pid}"), locked(tmp_path):
                pass
            holder.send_signal(signal.SIGKILL)
        with locked(tmp_path):
            pass

    def test_a_folder_in_which_no_file_can_be_made_can_be_read(self, tmp_path: Path) -> None:
        (tmp_path / ".writer").mkdir()
        with locked(tmp_path):
            pass


class TestInAnObjectStore:
    """On files of a disk, which have dates as objects have."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Folder:
        return Folder.at(tmp_path)

    def _left(self, folder: Folder, *, host: str, process: int, age_s: float = 0.0) -> None:
        """What a writer has left, or renews."""
        file = Path(folder.path) / ".writer"
        file.write_text(json.dumps({"host": host, "process": process}))
        written = file.stat().st_mtime - age_s
        os.utime(file, (written, written))

    def test_the_file_is_there_for_the_block_alone(self, folder: Folder) -> None:
        with _held_in_store(folder):
            assert json.loads(folder.read(".writer")) == {"host": socket.gethostname(), "process": os.getpid()}
        assert folder.entries() == []

    def test_a_living_process_of_this_machine_is_found_however_old_its_file(self, folder: Folder) -> None:
        self._left(folder, host=socket.gethostname(), process=os.getppid(), age_s=9999.0)
        with pytest.raises(ResultsError, match=f"process {os.getppid()} on "), _held_in_store(folder):
            pass

    def test_a_dead_process_of_this_machine_holds_nothing(self, folder: Folder) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as ended:
            ended.wait()
        self._left(folder, host=socket.gethostname(), process=ended.pid)
        with _held_in_store(folder):
            pass

    def test_a_fresh_file_of_another_machine_is_a_lock(self, folder: Folder) -> None:
        self._left(folder, host="elsewhere", process=7)
        with pytest.raises(ResultsError, match="process 7 on elsewhere"), _held_in_store(folder):
            pass

    def test_a_file_of_another_machine_that_nobody_renews_is_none(self, folder: Folder) -> None:
        self._left(folder, host="elsewhere", process=7, age_s=120.0)
        with _held_in_store(folder):
            pass
