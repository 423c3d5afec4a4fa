# JupyterLab on the curriculum at http://127.0.0.1:8888, TensorBoard over runs/ at :6006.
#
#   docker build -t intro-lm .
#   docker run --rm -p 127.0.0.1:8888:8888 -p 127.0.0.1:6006:6006 -v "$PWD:/work" intro-lm
#
# The log shows the address to open, with its token. What you change is saved in your own folder. Only
# this machine reaches the ports: TensorBoard asks for no password.
#
# Files: the container's user has uid 1000. If yours is another (`id -u` tells), the folder stays
# yours and writable with   docker run --user "$(id -u):$(id -g)" …   : any uid will do.
# Docker Desktop maps owners by itself.
#
# GPU:   docker build --build-arg TORCH=cuda -t intro-lm .   and   docker run --gpus all …
#
# Another command runs in place of JupyterLab: docker run --rm -v "$PWD:/work" intro-lm make notebooks
# The image holds requirements.txt alone, to stay small: pytest runs there, and skips the tests that
# need a browser or requirements-dev.txt.

FROM python:3.11-slim-trixie

# git and make are for the terminal in JupyterLab: interns commit there, and run `make notebooks`.
RUN apt-get update \
    && apt-get install -y --no-install-recommends git make tini \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/*

# Every uid may write to the home: kernels, caches and settings go there, with any --user.
RUN useradd --create-home --uid 1000 --shell /bin/bash intern \
    && chmod 1777 /home/intern \
    && install -d -o intern -g intern /work \
    && git config --system safe.directory /work

RUN python -m venv /opt/venv
# With MAKEFLAGS `make` uses this environment and sets up none; a mounted .venv is the host's.
ENV PATH=/opt/venv/bin:$PATH \
    MAKEFLAGS="VENV=/opt/venv READY=" \
    JUPYTER_CONFIG_PATH=/work/course/lab \
    HOME=/home/intern \
    USER=intern
WORKDIR /work

# Dependencies, in a layer that only a change of these files builds again.
COPY requirements.txt constraints.txt /opt/intro-lm/
COPY pyproject.toml ./

# cpu or cuda. On Linux with an x86-64 processor pip's own torch is the CUDA build (several GB), so
# the small one comes from PyTorch's index of CPU builds, whose address uv knows. Where that can't be
# reached, pip is asked, in case a mirror or a folder of yours holds a CPU build. Torch's own tests
# are compiled programs that nothing here calls, and go.
ARG TORCH=cpu
# The pins hold for every pip here, also where a machine's own pip settings name others.
ARG PIP_CONSTRAINT=/opt/intro-lm/constraints.txt
RUN set -eu; \
    torch=$(grep '^torch==' /opt/intro-lm/requirements.txt); \
    case "$TORCH" in \
    cpu) \
        python -m venv /tmp/uv; \
        /tmp/uv/bin/pip install --no-cache-dir uv==0.13.9; \
        /tmp/uv/bin/uv pip install --no-cache --python /opt/venv --no-deps --torch-backend cpu "$torch" \
            || pip install --no-cache-dir --no-deps "$torch"; \
        rm -r /tmp/uv ;; \
    cuda) pip install --no-cache-dir --no-deps "$torch" ;; \
    *) echo "TORCH=$TORCH is neither cpu nor cuda" >&2; exit 1 ;; \
    esac; \
    python -c "import runpy, sys, sysconfig; \
cuda = runpy.run_path(sysconfig.get_path('purelib') + '/torch/version.py')['cuda']; \
sys.exit(('cuda' if cuda else 'cpu') != '$TORCH' and f'asked for torch with $TORCH, got one with CUDA: {cuda}')"; \
    rm -rf /opt/venv/lib/python3.*/site-packages/torch/test

# requirements.txt ends with `-e .`: empty packages of the same names are installed here, and replaced
# by the real ones below, or by those of the mounted folder.
RUN mkdir intro_lm course \
    && touch intro_lm/__init__.py course/__init__.py README.md \
    && pip install --no-cache-dir -r /opt/intro-lm/requirements.txt \
    && rm -r intro_lm course intro_lm.egg-info README.md

COPY docker/start_lab.py /opt/intro-lm/
# Without -v the curriculum is here all the same; what is changed goes with the container.
COPY --chown=intern:intern . .

USER intern
EXPOSE 8888 6006
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "/opt/intro-lm/start_lab.py", "--check"]
# tini hands SIGTERM to JupyterLab and TensorBoard alike, and reaps what kernels leave behind.
ENTRYPOINT ["tini", "-g", "--"]
CMD ["python", "/opt/intro-lm/start_lab.py"]
