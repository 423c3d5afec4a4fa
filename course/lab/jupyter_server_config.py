"""What `make lab` and the container add to JupyterLab's settings, by JUPYTER_CONFIG_PATH.

In labconfig/ the news are switched off; custom.css is what its name says.
"""

from pathlib import Path

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelspec import get_kernel_dict
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

SPEC = {"name": "python3", "display_name": get_kernel_dict()["display_name"], "language": "python"}


class OpensUnchanged(AsyncLargeFileManager):
    """Gives a notebook the metadata that its kernel will ask for: no ● of an unsaved change."""

    async def get(self, *arguments, **options):
        model = await super().get(*arguments, **options)
        if model["type"] == "notebook" and model["content"]:
            metadata = model["content"]["metadata"]
            if metadata.get("kernelspec", {}).get("name") == SPEC["name"]:
                metadata |= {"kernelspec": SPEC, "language_info": IPythonKernel.language_info}
        return model


c = get_config()  # noqa: F821
c.ServerApp.contents_manager_class = OpensUnchanged
c.ServerApp.tornado_settings = {"static_custom_path": [str(Path(__file__).parent)]}
c.LabApp.custom_css = True
