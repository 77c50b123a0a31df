"""Which commands are safe to repeat in place, and which are not: what people write into `RUN`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.live import Dockerfile
from livepush.model import Run
from livepush.repetition import unsafe_steps, why_unsafe

SAFE = (
    (
        "apt-get update && apt-get install -y --no-install-recommends curl git && rm -rf "
        "/var/lib/apt/lists/*"
    ),
    "apt-get update && apt-get install -y curl && rm -r /var/lib/apt/lists/*",
    "apk add --no-cache git",
    "apk add --no-cache --virtual .build gcc && pip install x && apk del .build",
    "npm ci",
    "npm ci --omit=dev && npm cache clean --force",
    "npm install && npm run build",
    "rm package-lock.json && npm install",
    "yarn install --frozen-lockfile && yarn build",
    "pip install --no-cache-dir -r requirements.txt",
    "pip install -e .",
    "make",
    'make -j"$(nproc)" && make install',
    "go build -o /bin/app ./cmd/app",
    "go mod download",
    'CGO_ENABLED=0 go build -ldflags="-s -w" -o app .',
    "mkdir -p /app/data",
    "mkdir -pv a b",
    "mkdir -m 700 -p /x",
    "mkdir --parents a/b",
    "rm -f x",
    "rm -rf out && mkdir out",
    "rm -rf out && mkdir out && mkdir out/a && cp -r src out/a",
    "rm -rf dist && npx tsc",
    "mkdir /tmp/build && cd /tmp/build && cmake /src && make install && rm -rf /tmp/build",
    "mkdir /tmp/build && cd /tmp/build && cmake /src && make install && cd / && rm -rf /tmp/*",
    "mkdir x || true",
    "mkdir x || :",
    "mkdir x; make",
    "-mkdir x",
    "[ -d x ] || mkdir x",
    "test -d x || mkdir x",
    "if [ ! -d x ]; then mkdir x; fi",
    "if ! [ -d x ]; then mkdir x && chmod 700 x; fi && make",
    "[ -e /old ] && mv /old /new",
    "! mkdir x",
    "curl -fsSL -o x https://example.com/x && mv x /usr/local/bin/y",
    "curl -fsSLo x https://example.com/x && mv x y",
    (
        "curl -LO https://dl.k8s.io/v1/bin/linux/amd64/kubectl && chmod +x kubectl && mv "
        "kubectl /usr/local/bin/"
    ),
    "curl -L https://example.com/x.tar.gz | tar xz && mv x-1.0/bin/x /usr/local/bin/",
    "curl -L https://example.com/x.tar.gz | tar -xz -C /opt && ln -sf /opt/x-1/x /usr/bin/x",
    "wget -q https://example.com/x.tgz && tar xzf x.tgz && rm x.tgz",
    "wget -O /usr/bin/jq https://example.com/jq && chmod +x /usr/bin/jq",
    "wget -qO- https://example.com/x | sh",
    "wget -P /tmp https://example.com/x.deb && dpkg -i /tmp/x.deb && rm /tmp/x.deb",
    "wget -nc https://example.com/x",
    "wget https://example.com/x.tgz && mv x.tgz /opt/",
    "git clone https://github.com/a/b.git /tmp/b && cd /tmp/b && make install && rm -rf /tmp/b",
    "rm -rf b && git clone https://github.com/a/b",
    (
        "git clone --depth 1 -b v1 https://github.com/a/b.git && cd b && ./configure && "
        "make && cd .. && rm -r b"
    ),
    "git config --global user.name x",
    "git init",
    "id -u app || useradd app",
    "id app >/dev/null 2>&1 || adduser -D app",
    "getent group app || groupadd -r app",
    "groupadd -f app",
    "adduser --system --group app",
    "addgroup --system app && adduser --system --ingroup app app",
    "useradd app || true",
    "adduser app docker",
    "usermod -aG sudo app",
    "userdel -r app; useradd app",
    "echo hello",
    'echo "mkdir x && mv a b" > script.sh',
    "echo 'echo x >> /etc/profile'",
    "printf '%s\\n' 'rm x' 'ln -s a b'",
    'echo "a > b; >> c" >/tmp/x',
    "cat > /etc/app.conf <<EOF\nrm x\nmkdir y\necho z >> q\nEOF",
    "echo a > conf && echo b >> conf",
    "rm -f conf && echo b >> conf",
    "echo a >> /dev/null",
    "echo a >> /dev/stderr",
    "echo 1 >> /proc/sys/vm/x",
    'echo "127.0.0.1 x" >> /etc/hosts',
    "grep -q x /etc/profile || echo x >> /etc/profile",
    "tmp=$(mktemp) && echo a >> $tmp && cat $tmp",
    'd="$(mktemp -d)" && mkdir "$d/a" && cd "$d" && git clone https://x/y && ln -s a b',
    'export GNUPGHOME="$(mktemp -d)" && echo x >> "$GNUPGHOME/gpg.conf"',
    "{ echo a; echo b; } >> log; rm log",
    "echo x >> a.txt && mv a.txt b.txt",
    "sed -i 's/packages.example/mirror.example/g' /etc/apt/sources.list",
    "sed -i 's/\\r$//' /entrypoint.sh && chmod +x /entrypoint.sh",
    "sed -i -e 's/^#*\\(Port\\).*/\\1 22/' -e '/^X/d' /etc/ssh/sshd_config",
    'sed -ri "s|^(memory_limit =).*|\\1 256M|" php.ini',
    'sed -i "s/@VERSION@/$VERSION/" conf',
    "sed 's/a/aa/' x > y",
    "cp conf.orig conf && sed -i 's/^/#/' conf",
    "find . -name '*.sh' -exec sed -i 's/\\r$//' {} +",
    "find . -type f -name '*.pyc' -exec rm {} +",
    "find . -name '*.py' | xargs sed -i 's/\\r//'",
    "find / -name '*.a' -delete",
    "perl -pi -e 's/\\r//g' x",
    "perl -ne 'print' x",
    "tar xzf x.tgz && cd x && patch -p1 < ../x.patch && make",
    (
        "git clone https://x/y /tmp/y && cd /tmp/y && git apply /fix.patch && make install "
        "&& cd / && rm -rf /tmp/y"
    ),
    "ln -sf a b",
    "ln -snf a b",
    "ln --symbolic --force a b",
    "rm -f b && ln -s a b",
    "ln -s a b || true",
    "cp a b",
    "cp -r src/. /app",
    "cp -r dist/* /usr/share/nginx/html/",
    "cp -r dist /usr/share/nginx/html",
    "cp -a src /app/",
    "cp -r a b c /opt",
    "mkdir -p /srv/x && cp -r app /srv/x",
    "rm -rf /srv/x && cp -r app /srv/x",
    "cp -rT a b",
    "cp -a libfoo.so.1 /opt/libfoo.so",
    "cp -r config .",
    "touch x && chmod 600 x",
    "chmod +x /entrypoint.sh",
    "chown -R app:app /app",
    "npm run build && mv dist/* /srv/",
    "cat a b > c && rm -f a b",
    "gunzip -c x.gz > x",
    "curl -O https://e/x.gz && gunzip -f x.gz",
    "unzip -o x.zip",
    "unzip -q x.zip -d /tmp/u && cp /tmp/u/y /opt && rm -rf /tmp/u",
    "curl -LO https://e/x.zip && unzip x.zip && mv tool /usr/bin/tool && rm x.zip",
    "ssh-keygen -A",
    "python manage.py collectstatic --noinput",
    "python -m venv /venv && /venv/bin/pip install x",
    "npx tsc --init",
    "sh -c 'rm -f x && mkdir -p y'",
    "bash -c \"echo 'mkdir x'\"",
    (
        'case "$(uname -m)" in x86_64) A=amd64 ;; aarch64|arm64) A=arm64 ;; *) exit 1 ;; '
        'esac; curl -o /usr/bin/x "https://e/x-$A" && chmod +x /usr/bin/x'
    ),
    'for f in a b c; do cp "$f" /opt/; done',
    'for d in a b; do mkdir -p "$d"; done',
    "set -eux; apt-get update; apt-get install -y x; rm -rf /var/lib/apt/lists/*",
    "set -o errexit; mkdir -p x; cd x; touch y",
    'echo "unbalanced',
    "while true; do break; done",
    "f() { echo hi; }; f",
    "( cd x && make )",
    "cd /app && { npm ci || npm install; }",
    "timeout 10 true",
    "sudo -u app npm ci",
    "env FOO=bar make",
    "test -x /bin/sh && echo ok",
    "# mkdir x",
    "dotnet publish -c Release -o /out",
    "cargo build --release",
    "mvn -q package && mv target/*.jar app.jar",
    "./gradlew build && rm build/libs/x-plain.jar",
    "ldconfig",
    "update-ca-certificates",
    "a2enmod rewrite",
    'echo "deb x" > /etc/apt/sources.list.d/x.list',
    "echo x | tee /etc/x.conf",
    "curl -s https://e/key | gpg --dearmor -o /usr/share/keyrings/x.gpg",
    "sed s/a/b/ conf > conf.new && mv conf.new conf",
    "npx prettier --write . ",
    "truncate -s 0 x",
    "install -m 755 a /usr/bin/a",
    "install -d /x",
    "groupdel app; groupadd app",
    "patch --dry-run -p1 < fix.patch",
    "gzip -c x > y.gz",
    "mv",
    "cp",
    "ln",
    "mkdir",
    "echo $ > x",
    "setcap cap_net_bind_service=+ep /usr/bin/node",
)
UNSAFE = {
    "appends": (
        "echo x >> /etc/profile",
        'echo "export A=b" >> ~/.bashrc',
        'printf x >>"$HOME/.profile"',
        "cat a.conf >> /etc/app.conf",
        "echo x | tee -a /etc/x",
        "echo x | sudo tee --append /etc/x >/dev/null",
        "{ echo a; echo b; } >> /etc/x",
        "apt-get install -y x && echo y >> /etc/x.conf",
        "echo a 2>> log",
        "for i in 1 2; do echo $i >> list; done",
        "touch list && echo x >> list",
        "touch list; echo a >> list || true",
        "sh -c 'echo x >> /y'",
        'bash -lc "set -e; echo x >> y"',
    ),
    "makes": (
        "mkdir x",
        "mkdir /app/data",
        "mkdir -m 755 x",
        "mkdir a b && cd a",
        "set -e; mkdir x; make",
        "set -eux; mkdir x; make",
        "apt-get update && mkdir /var/run/sshd",
        "mkdir build && cd build && cmake .. && make",
        "cd /opt && mkdir x",
        "sudo mkdir x",
        "/bin/mkdir x",
        "make; mkdir x",
        "mkdir -- x",
        "mkfifo p",
        "mknod p c 1 3",
        "curl -O https://e/x.gz && gzip -d x.gz",
        "curl -O https://e/x.xz && xz --decompress x.xz && chmod +x x",
        "ln -s /usr/bin/python3 /usr/bin/python",
        "ln -s /opt/x/bin/x /usr/local/bin/",
        "ln a b",
        "ln -s /a",
        "set -ex; ln -s a b; true",
        "git clone https://github.com/a/b.git",
        "git clone --depth=1 --branch v1 https://github.com/a/b.git /opt/b",
        "git clone https://e/x .",
        "git -c http.sslVerify=false clone https://e/x y",
        "curl -O https://e/x.gz && gunzip x.gz && chmod +x x",
        "go mod init example.com/x",
        "cargo new app && cd app && cargo build",
        "cargo init --name x",
        "composer create-project laravel/laravel app",
        "django-admin startproject site",
        "rails new app",
        "if true; then :; fi; mkdir x",
        "case x in x) : ;; esac; mkdir x",
        "(cd /tmp && mkdir x)",
        "cat <<EOF > /x && mkdir y\nmv a b\nEOF",
        "bash -e <<EOF\nmkdir x\ntrue\nEOF",
        "mkdir x && test -d x",
        'mkdir "a b"',
        "mkdir 'x'",
        "mkdir $DIR",
        "mkdir ${DIR}/x",
        'eval "mkdir x"',
        "su app -c 'mkdir x'",
        "su -c 'mkdir x' app",
        "gosu app mkdir x",
        "timeout -k 5 10 mkdir x",
        "env -u A B=c mkdir x",
        "exec mkdir x",
        "busybox mkdir x",
        "FOO=1 mkdir x",
    ),
    "moves": (
        "mv a b",
        "mv /tmp/app.conf /etc/",
        "mv *.txt /docs/",
        "cd /app && mv config.sample config",
        "apt-get install -y nginx && mv /etc/nginx/nginx.conf /etc/nginx/nginx.conf.orig",
        "npm run build && mv dist /srv/app",
        "mkdir -p x && touch x/y && mv x z",
        "git clone https://e/x && mv x /opt/x",
    ),
    "adds": (
        "useradd app",
        "useradd -m -u 1000 -s /bin/bash app",
        "useradd app -m -s /bin/bash",
        "groupadd -r app && useradd -r -g app app",
        "addgroup -S app && adduser -S -G app app",
        'adduser --disabled-password --gecos "" app',
        "adduser -D app",
    ),
    "copies": (
        "cp -r src /app/src",
        "cp -a /src /build",
        "cp -R conf /srv/conf",
    ),
    "removes": (
        "rm x",
        "rm -r docs",
        "rm /etc/nginx/conf.d/default.conf",
        "apt-get install -y nginx && rm /etc/nginx/sites-enabled/default",
        "rmdir x",
    ),
    "edits": (
        "sed -i 's/^/#/' /etc/x",
        "sed -i 's/main/main contrib/' /etc/apt/sources.list",
        "sed -i.bak -e 's/a/b/' -e '1d' x",
        "sed -i '1i hello' x",
        'sed -i "s/@V@/$(cat version)/" conf',
        'sed -i "s/80/8080/" /etc/nginx.conf',
        'V="$(cat version)"; sed -i "s/@V@/$V/" conf',
        "sed -ri 's/(.*)/\"\\1\"/' x",
        "find . -name '*.py' -exec sed -i 's/foo/foo2/' {} \\;",
        "grep -rl foo . | xargs sed -i 's/foo/foobar/g'",
        "perl -pi -e 's/(x)/$1y/' f",
        "perl -i -pe 's/^/# /' f",
    ),
    "applies": (
        "patch -p1 < fix.patch",
        "git apply fix.patch",
    ),
    "fetches": (
        "wget https://example.com/x.tgz",
        "wget -q https://example.com/x.tgz && tar xzf x.tgz",
        "wget -P /opt https://example.com/x.jar",
    ),
    "unpacks": (
        "unzip x.zip",
        "curl -LO https://e/x.zip && unzip x.zip && rm x.zip",
    ),
}

EXACTLY = [
    ("echo x >> /etc/profile", "appends to /etc/profile each time"),
    ("mkdir 'a b'", "makes a b, which fails where it is there already"),
    ("ln -s /opt/x/bin/x /usr/local/bin/", "makes x, which fails where it is there already"),
    ("git clone https://e/b.git", "makes b, which fails where it is there already"),
    ("useradd app -m -s /bin/sh", "adds the user app, which fails where it is there already"),
    ("groupadd -r app", "adds the group app, which fails where it is there already"),
    ("mv a b", "moves a away, which is not there the second time"),
    ("npm run build && mv dist /srv", "moves dist to /srv, and into it the second time"),
    ("cp -r src /app/src", "copies src to /app/src, and into it the second time"),
    ("rm -r docs", "removes docs, which fails where it is gone already"),
    ("sed -i 1d x", "edits x in place, and its own result the second time"),
    ("ls | xargs sed -i 1d", "edits files in place, and its own result the second time"),
    ("patch -p1 < a", "applies a patch, which fails where it is applied already"),
    ("wget -P /opt https://e/x.jar", "fetches /opt/x.jar, and beside it the second time"),
    ("unzip x.zip", "unpacks x.zip, which fails where its files are there already"),
]


def run(*argv: str, workdir: str = "/app") -> Run:
    return Run(1, "RUN …", "…", argv, (), "", workdir)


def verdict(script: str, *shell: str) -> str | None:
    return why_unsafe(run(*(shell or ("/bin/sh", "-c")), script))


@pytest.mark.parametrize("script", SAFE)
def test_no_alarm(script: str) -> None:
    assert verdict(script) is None


@pytest.mark.parametrize(
    ("script", "beginning"), [(s, verb) for verb, scripts in UNSAFE.items() for s in scripts]
)
def test_alarm(script: str, beginning: str) -> None:
    assert (verdict(script) or "").split(" ")[0] == beginning


@pytest.mark.parametrize(("script", "reason"), EXACTLY)
def test_the_reason_is_a_sentence_s_end(script: str, reason: str) -> None:
    assert verdict(script) == reason


@pytest.mark.parametrize(
    ("argv", "is_safe"),
    [
        (("mkdir", "x"), False),
        (("/usr/bin/mkdir", "x y"), False),
        (("mkdir", "-p", "x"), True),
        (("echo", "a", ">>", "/etc/profile"), True),
        (("echo", "a && mkdir x"), True),
        (("bash", "-c", "mkdir x"), False),
        (("bash", "script.sh", "mkdir x"), True),
        (("sh", "-c", "echo $0", "mkdir x"), True),
        (("pwsh", "-Command", "mkdir x"), True),
        ((), True),
    ],
)
def test_the_exec_form_is_an_argv(argv: tuple[str, ...], is_safe: bool) -> None:
    assert (why_unsafe(run(*argv)) is None) is is_safe


@pytest.mark.parametrize(
    ("shell", "is_safe"),
    [
        (("/bin/sh", "-c"), True),
        (("/bin/sh", "-ec"), False),
        (("/bin/bash", "-o", "errexit", "-c"), False),
        (("/bin/bash", "-eo", "pipefail", "-c"), False),
        (("/bin/bash", "-o", "pipefail", "-c"), True),
    ],
)
def test_a_failure_in_the_middle_counts_where_the_shell_ends_with_it(
    shell: tuple[str, ...], is_safe: bool
) -> None:
    assert (verdict("mkdir x; make", *shell) is None) is is_safe


@pytest.mark.parametrize(
    ("workdir", "is_safe"), [("/app", False), ("/srv/www", True), ("/srv/www/html", True)]
)
def test_a_working_directory_is_copied_into_the_first_time_too(workdir: str, is_safe: bool) -> None:
    assert (why_unsafe(run("cp", "-r", "/a", "/srv/www", workdir=workdir)) is None) is is_safe


def test_steps_of_a_dockerfile() -> None:
    dockerfile = Dockerfile(
        "FROM a\nRUN mkdir \\\n  x\nRUN <<EOF\nmkdir y\nmv a b\nEOF\n"
        'RUN ["mkdir", "z"]\nSHELL ["pwsh", "-Command"]\nRUN mkdir x\n'
    )
    steps = [step for step in dockerfile.graph().target.steps if isinstance(step, Run)]
    assert [(step.line, why_unsafe(step)) for step in steps] == [
        (2, "makes x, which fails where it is there already"),
        (4, "moves a away, which is not there the second time"),
        (8, "makes z, which fails where it is there already"),
        (10, None),
    ]


def test_only_what_a_change_can_reach_is_named_and_each_once() -> None:
    dockerfile = Dockerfile(
        "FROM a AS base\nRUN mkdir before\nCOPY a /a\nRUN mkdir x\n"
        "FROM base AS unused\nCOPY a /a\nRUN mkdir unused\n"
        "FROM base\nRUN mkdir y\nRUN mkdir -p z\n"
        "FROM b\nRUN mkdir q\nCOPY --from=2 /x /x\nRUN rm a\n"
        "RUN --mount=type=cache,target=/c mkdir c\n"
    )
    graph = dockerfile.graph()
    assert [(step.line, reason.split(" ")[0]) for step, reason in unsafe_steps(graph)] == [
        (4, "makes"),
        (9, "makes"),
    ]
    assert list(unsafe_steps(replace(graph, replay="clean"))) == []


# Words that scripts are made of, and what a reader of scripts may stumble over.
WORDS = " ".join((*SAFE, *(script for scripts in UNSAFE.values() for script in scripts))).split()
STONES = "' \" ` $( ${ } ) ( { [ ;; & | || && >> <( <<E - -- -t -o s/ /* [! é ²"
FRAGMENTS = st.sampled_from([*WORDS, *STONES.split(), "\\", "\n", "\nE\n", "\x00"])


@given(st.lists(FRAGMENTS, max_size=30), st.sampled_from([" ", ""]))
def test_whatever_is_written_there_is_a_verdict(words: list[str], between: str) -> None:
    assert verdict(between.join(words)) != ""
    assert why_unsafe(run(*words)) != ""
