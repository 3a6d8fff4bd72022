"""A quick check of the network, made before libraries whose failing downloads take minutes."""

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

_HOSTS = ("https://storage.googleapis.com", "https://www.tensorflow.org", "https://github.com")
_TIMEOUT = 5.0  # seconds


def online() -> bool:
    """Returns whether a well-known host responds within seconds; it respects proxy settings."""

    def responds(url):
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_TIMEOUT)
        except urllib.error.HTTPError:
            return True  # an error status is a response, too
        except OSError:
            return False
        return True

    with ThreadPoolExecutor(len(_HOSTS)) as pool:
        return any(pool.map(responds, _HOSTS))
