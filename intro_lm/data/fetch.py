"""Run as its own process: fetch one file, or the files of one Hub dataset.

Only a process can be stopped whatever it waits for, and what it reads can't fill the memory of a
notebook's kernel. It doesn't import the package: that would take longer than most fetches.
"""

import json
import os
import sys


def main() -> None:
    """Do what the JSON argument says; an error becomes one line on stdout and exit status 1."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
    request = json.loads(sys.argv[1])
    try:
        if "url" in request:
            import pooch

            pooch.get_logger().setLevel("ERROR")  # it would print a path on this machine
            downloader = pooch.HTTPDownloader(timeout=4)
            pooch.retrieve(**request, downloader=downloader)
        else:
            os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # the parent shows one
            from huggingface_hub import snapshot_download

            snapshot_download(**request)
    except Exception as error:  # the clients raise errors of many kinds
        print(f"{type(error).__name__}: {' '.join(str(error.__cause__ or error).split())}")
        sys.exit(1)


if __name__ == "__main__":
    main()
