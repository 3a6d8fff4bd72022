"""The page on a local address, with nothing else of the machine behind it."""

import importlib.util
import ipaddress
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from kgan import arguments
from kgan.errors import InputError
from kgan.runs import RunFolder
from kgan.typing import PathLike

# What Gradio would otherwise ask other hosts for, or tell them.
_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_MCP_SERVER": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
# The largest picture that the page takes.
_UPLOAD = "20mb"


def check_installed() -> None:
    """Raises an `InputError` if Gradio is missing."""
    if importlib.util.find_spec("gradio") is None:
        raise InputError('The playground needs Gradio: pip install "kgan[play]".')


def is_loopback(host: str) -> bool:
    """Returns whether a host is this machine as only it can be reached by itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def play(
    source: Any,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = False,
    block: bool = True,
) -> Any:
    """Serves a page to explore a model: samples, directions, ways between samples, or uploads.

    Needs the extra `play`. Only the machine itself reaches the page unless `host` says otherwise,
    and the page reaches nothing of the machine but the model: it serves no file but the pictures
    that it made, and asks no other host for anything.

    Args:
        source: a model, or the folder of a run, which may still be in training.
        host: the address to serve at. One that is not loopback lets others use the page, and is
            warned of.
        port: the port; None takes the first free one from 7860 on.
        browser: whether to open the page in the browser.
        block: whether to wait until the page is ended by Ctrl-C.

    Returns:
        The address of the page; with `block` False an object with `local_url` and `close()`.

    Raises:
        InputError: if Gradio is missing, there is no such run, or the port is taken.
    """
    check_installed()
    host = arguments.text("host", host)
    if port is not None:
        port = arguments.integer("port", port, most=65535)
    if isinstance(source, (str, os.PathLike)):
        source = _run(source)
    if not is_loopback(host):
        warnings.warn(
            f"The page at {host} is open to everybody who reaches this machine, without a "
            "password. Leave the host out to keep it to yourself.",
            stacklevel=2,
        )
    folder = Path(tempfile.mkdtemp(prefix="kgan-play-"))
    os.environ.update(_ENVIRONMENT | {"GRADIO_TEMP_DIR": str(folder)})
    try:
        page = _launched(source, folder, host, port, browser)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not block:
        return _Served(page, folder)
    try:
        print(f"The page is at {page.local_url} (Ctrl-C ends it)")
        page.block_thread()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return page.local_url


def _run(path: PathLike) -> RunFolder:
    return RunFolder.find(path)


def _launched(source, folder, host, port, browser):
    # Imported here: the environment above is read when they are.
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from kgan.playground import page as pages
    from kgan.playground.shown import Shown

    built = pages.build(Shown(source), folder)
    options: dict[str, Any] = {}
    if is_loopback(host):
        # A page on the web that gives its own name this machine's address is not answered.
        names = ["localhost", "127.0.0.1", "[::1]", host]
        options["middleware"] = [Middleware(TrustedHostMiddleware, allowed_hosts=names)]
    try:
        built.launch(
            server_name=host,
            server_port=port,
            inbrowser=browser,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            show_error=True,
            allowed_paths=[],
            max_file_size=_UPLOAD,
            enable_monitoring=False,
            strict_cors=True,
            ssr_mode=False,
            mcp_server=False,
            run_history=False,
            footer_links=[],
            css=pages.CSS,
            theme=pages.theme(),
            app_kwargs=options,
        )
    except OSError as error:
        raise InputError(
            f"The page cannot be served at {host}, port {port or '7860 to 7959'}: {error} Choose "
            "another --port."
        ) from None
    return built


class _Served:
    """A page that is served while the program goes on."""

    def __init__(self, page: Any, folder: Path):
        self._page, self._folder = page, folder
        self.local_url: str = page.local_url

    def close(self) -> None:
        """Ends it, and deletes its pictures."""
        self._page.close(verbose=False)
        shutil.rmtree(self._folder, ignore_errors=True)
