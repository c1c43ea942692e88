"""Every file of deploy/ against what will read it: Dagster's own configuration, the AWS APIs' models, Kubernetes'."""

import fnmatch
import json
import os
import re
import shutil
import string
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
import botocore.session
import dagster as dg
import pytest
import yaml
from botocore.validate import ParamValidator
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_k8s.launcher import K8sRunLauncher
from dagster_k8s.models import k8s_model_from_dict
from dagster_postgres.utils import pg_url_from_config
from kubernetes import client as kubernetes
from moto import mock_aws
from psycopg2.extensions import parse_dsn
from sqlalchemy import create_engine, make_url

from core.settings.listing import all_settings
from tests.standins.foreign_pages import OURS, TABLE
from tests.standins.postgres_tcp import tcp_postgres

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DAGSTER_FILES = sorted(DEPLOY.rglob("dagster.yaml"))
ACCOUNT = {
    "AWS_ACCOUNT_ID": "123456789012",
    "AWS_REGION": "eu-central-1",
    "HEADWATER_IMAGE": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/headwater:1",
    "HEADWATER_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:headwater-abc",
    "DATABASE_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds-abc",
    "DATABASE_HOST": "headwater.eu-central-1.rds.amazonaws.com",
    "REDSHIFT_HOST": "headwater.123456789012.eu-central-1.redshift-serverless.amazonaws.com",
    "LAKE_BUCKET": "lake",
    "LOGS_BUCKET": "logs",
    # Whoever wants no mail does not set these; envsubst then leaves nothing, which counts as not set.
    **dict.fromkeys(("NOTICE_TELEGRAM_CHAT", *(f"NOTICE_MAIL_{part}" for part in ("HOST", "USER", "FROM", "TO"))), ""),
    "HEADWATER_URL": "https://headwater.example.com",
    **dict.fromkeys(("POSTGRES_HOST", "POSTGRES_USER", "POSTGRES_DBT_USER", "COINGECKO_PLAN", "BLOCKCHAIR_PLAN"), ""),
    **dict.fromkeys(("STACKS_DB_HOST", "STACKS_DB_USER", "STACKS_OBJECTS_URI", "STACKS_CDN_DISTRIBUTION"), ""),
    "EXCHANGES_SOURCE": "",
}
BALANCER = {
    "PUBLIC_HOST": "headwater.example.com",
    "PUBLIC_ORIGIN": "https://headwater.example.com",
    "LISTENER_ARN": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/headwater/1/2",
    "TARGET_GROUP_ARN": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1",
    "USER_POOL_ARN": "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_x",
    "USER_POOL_CLIENT": "client",
    "USER_POOL_DOMAIN": "headwater",
}
SECRETS = {setting.name for setting in all_settings() if setting.secret}
# What deployments set besides the product's own settings.
DEPLOYMENT = {
    *("DAGSTER_HOME", "DAGSTER_COMPUTE_LOGS", "DAGSTER_COMPUTE_LOGS_BUCKET", "HEADWATER_CODE_HOST", "AWS_REGION"),
    *(f"DAGSTER_POSTGRES_{part}" for part in ("HOST", "PORT", "USER", "PASSWORD", "DB")),
    "HEADWATER_RUN_TASK_DEFINITION",
}


def _document(path):
    return json.loads(string.Template(path.read_text()).substitute(ACCOUNT | BALANCER))


def _known(name):
    return name in {setting.name for setting in all_settings()} | DEPLOYMENT


@pytest.mark.parametrize("path", DAGSTER_FILES, ids=lambda path: path.parent.name)
def test_dagster_reads_each_dagster_yaml(path, tmp_path, monkeypatch):
    """The schema of the whole file, and of each class's own configuration."""
    monkeypatch.setattr("os.environ", {"PATH": "/usr/bin"})  # validation resolves no reference
    shutil.copy(path, tmp_path / "dagster.yaml")
    settings, _ = dagster_instance_config(str(tmp_path))
    assert settings["telemetry"] == {"enabled": False}
    InstanceRef.from_dir(str(tmp_path))


def test_the_deployments_agree_on_what_is_not_their_own():
    files = {path.parent.name: yaml.safe_load(path.read_text()) for path in DAGSTER_FILES}
    for key in ("run_retries", "retention", "telemetry", "nux"):
        assert files["compose"][key] == files["ecs"][key]
    assert files["compose"]["run_monitoring"].items() >= {"enabled": True, "max_runtime_seconds": 54000}.items()
    for name in ("compose", "ecs"):
        database = files[name]["storage"]["postgres"]["postgres_db"]
        secured = {"compose": {"host": "/var/run/postgresql"}, "ecs": {"sslmode": "verify-full"}}
        assert database.pop("params") == secured[name]
        assert all(isinstance(value, dict) and value["env"] in DEPLOYMENT for value in database.values())


def test_the_workspaces_load(monkeypatch):
    monkeypatch.setenv("HEADWATER_CODE_HOST", "code")
    (origin,) = WorkspaceFileTarget([str(DEPLOY / "compose/workspace.yaml")]).create_origins()
    assert (origin.host, origin.port, origin.location_name) == ("code", 4000, "headwater")


AWS_FILES = {
    "ecs/web.json": ("ecs", "RegisterTaskDefinition"),
    "ecs/daemon.json": ("ecs", "RegisterTaskDefinition"),
    "ecs/run.json": ("ecs", "RegisterTaskDefinition"),
    "batch/job-definition.json": ("batch", "RegisterJobDefinition"),
}


def test_every_aws_document_is_checked():
    found = {str(path.relative_to(DEPLOY)) for path in DEPLOY.rglob("*.json") if path.parent.name != "iam"}
    assert found == {*AWS_FILES, "ecs/listener-rules.json"}


def _containers(document):
    return document.get("containerDefinitions") or [document["containerProperties"]]


@pytest.mark.parametrize("name", AWS_FILES)
def test_aws_documents_are_what_the_api_takes(name):
    service, operation = AWS_FILES[name]
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    report = ParamValidator().validate(_document(DEPLOY / name), model.input_shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("name", AWS_FILES)
def test_secrets_are_references_and_names_are_settings(name):
    for container in _containers(_document(DEPLOY / name)):
        plain = {entry["name"]: entry["value"] for entry in container["environment"]}
        referred = {entry["name"]: entry["valueFrom"] for entry in container["secrets"]}
        assert not plain.keys() & (SECRETS | {"DAGSTER_POSTGRES_PASSWORD"} | referred.keys())
        assert [found for found in (*plain, *referred) if not _known(found)] == []
        assert all(re.fullmatch(r"arn:aws:secretsmanager:.*:secret:[\w-]+:\w+::", value) for value in referred.values())
        assert container["logConfiguration"]["logDriver"] == "awslogs"
        image = container["image"]
        assert image == ACCOUNT["HEADWATER_IMAGE"]


NOTICES = {setting.name for setting in all_settings() if setting.name.startswith("NOTICE_")}
DEFAULTED = {setting.name for setting in all_settings() if setting.default}


def test_each_deployment_can_be_told_of_every_channel():
    """Where the sensor runs: the daemon's task on ECS, the code location elsewhere."""
    (daemon,) = _containers(_document(DEPLOY / "ecs/daemon.json"))
    named = {entry["name"] for entry in (*daemon["environment"], *daemon["secrets"])}
    assert named >= (NOTICES - DEFAULTED) | {"HEADWATER_URL"}
    compose = re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose/code.env.example").read_text(), re.MULTILINE)
    assert set(compose) >= NOTICES - DEFAULTED
    assert "HEADWATER_URL" in COMPOSE["services"]["code"]["environment"]
    kubernetes_names = re.findall(r"name: ([A-Z_]+), value", (DEPLOY / "kubernetes/values.yaml").read_text())
    assert set(kubernetes_names) >= (NOTICES - DEFAULTED - SECRETS) | {"HEADWATER_URL"}
    keys = set(re.findall(r'"([A-Z_]+)": "', (ROOT / "docs/deploying.md").read_text()))
    assert keys >= NOTICES & SECRETS


def test_long_running_tasks_are_watched():
    checks = {
        c["name"]: c["healthCheck"]["command"]
        for name in ("web", "daemon")
        for c in _containers(_document(DEPLOY / f"ecs/{name}.json"))
    }
    assert checks["daemon"] == ["CMD", "dagster-daemon", "liveness-check"]
    assert all("/server_info" in checks[name][-1] for name in ("web", "viewer"))
    viewer = _document(DEPLOY / "ecs/web.json")["containerDefinitions"][1]
    assert "--read-only" in viewer["command"]


def test_every_web_server_stands_behind_the_guard():
    guarded = ["python", "-m", "commands.web"]
    for container in _containers(_document(DEPLOY / "ecs/web.json")):
        assert container["command"][:3] == guarded
        assert {"name": "HEADWATER_URL", "value": ACCOUNT["HEADWATER_URL"]} in container["environment"]
    assert all(COMPOSE["services"][name]["command"][:3] == guarded for name in ("web", "viewer"))
    assert f"CMD {json.dumps(guarded)[:-1]}, " in (ROOT / "Dockerfile").read_text()


RULES = _document(DEPLOY / "ecs/listener-rules.json")
ELBV2 = botocore.session.get_session().get_service_model("elbv2").operation_model("CreateRule")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["Priority"])
def test_the_load_balancers_rules_are_what_the_api_takes(rule):
    report = ParamValidator().validate(rule, ELBV2.input_shape)
    assert not report.has_errors(), report.generate_report()
    values = [value for condition in rule["Conditions"] for value in next(iter(_configured(condition)))["Values"]]
    assert len(values) <= 5  # as many as a rule may have


def _configured(condition):
    return [value for key, value in condition.items() if key.endswith("Config")]


def _balanced(method, path, headers):
    """What the load balancer's rules make of a request: the status of a fixed answer, or 200 for what it forwards."""
    for rule in sorted(RULES, key=lambda rule: rule["Priority"]):
        if all(_matches(condition, method, path.partition("?")[0], headers) for condition in rule["Conditions"]):
            last = rule["Actions"][-1]
            if last["Type"] == "forward":
                assert rule["Actions"][0]["Type"] == "authenticate-cognito"
                return 200
            return int(last["FixedResponseConfig"]["StatusCode"])
    raise AssertionError("no rule takes it")


def _matches(condition, method, path, headers):
    (config,) = _configured(condition)
    given = {
        "host-header": re.sub(r":\d+$", "", headers["Host"]),
        "path-pattern": path,
        "http-request-method": method,
        "http-header": headers.get(config.get("HttpHeaderName"), ""),
    }[condition["Field"]]
    return any(fnmatch.fnmatchcase(given, value) for value in config["Values"])


def test_what_the_load_balancer_itself_refuses():
    """Which is what its conditions can say; the rest of the table is refused by the guard behind it."""
    left = {"another origin", "origin null", "origin without TLS", "origin of another port", "a longer origin"}
    left |= {
        "cross-site",
        "same-site",
        "an image elsewhere",
        "a link that reports",
        "a report by form",
        "put",
        "delete",
    }
    left |= {"a query beside a body", "a query behind an operation", "below a prefix"}
    for what, method, path, headers, answer in TABLE:
        found = _balanced(method, path, {"Host": OURS} | headers)
        assert (found == 200) == (answer == 200 or what in left), what
    socket = {"Host": OURS, "Upgrade": "websocket"}
    assert _balanced("GET", "/graphql", socket | {"Origin": f"https://{OURS}"}) == 200
    assert _balanced("GET", "/graphql", socket | {"Origin": "https://evil.example"}) == 405
    assert _balanced("GET", "/graphql", socket) == 405


@pytest.mark.parametrize("name", AWS_FILES)
def test_every_task_is_bounded(name):
    document = _document(DEPLOY / name)
    for container in _containers(document):
        asked = {entry["type"]: entry["value"] for entry in container.get("resourceRequirements", [])}
        assert int(document.get("memory") or asked["MEMORY"]) <= 8192
        assert document.get("cpu") or asked["VCPU"]


def test_only_runs_have_the_secrets_of_databases_and_apis():
    named = {
        (name, container["name"]): {entry["name"] for entry in container["secrets"]}
        for name in ("web", "daemon", "run")
        for container in _containers(_document(DEPLOY / f"ecs/{name}.json"))
    }
    record = {"DAGSTER_POSTGRES_USER", "DAGSTER_POSTGRES_PASSWORD"}
    assert named["web", "web"] == named["web", "viewer"] == record
    # The daemon's own process runs the sensors, which look at the node and tell of failed runs.
    assert named["daemon", "daemon"] == record | {"ETHEREUM_PROVIDER_URI"} | (NOTICES & SECRETS)
    assert named["run", "run"] >= record | (SECRETS - NOTICES - {"BLOCKCHAIR_DUMPS_KEY"}) - {
        name
        for name in SECRETS
        if name.startswith("REDSHIFT_")  # by the workgroup's temporary logins
    }
    assert not named["run", "run"] & NOTICES


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*/iam/*.json")), ids=lambda path: path.stem)
def test_policies_name_real_actions_and_few_things(path):
    session = botocore.session.get_session()
    document = json.loads(string.Template(path.read_text()).substitute(ACCOUNT))
    assert document["Version"] == "2012-10-17"
    for statement in document["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for action in actions:
            service, operation = action.split(":")
            assert "*" not in operation, action
            if service not in ("s3", "redshift"):  # whose actions are not all named after operations
                names = [*session.get_service_model(service).operation_names, "PassRole", "GetAuthorizationToken"]
                assert operation in names, action


@pytest.fixture(scope="module")
def record_database():
    home = Path(tempfile.mkdtemp(prefix="headwater-record-"))
    home.chmod(0o755)
    with tcp_postgres(home, "planted-database-password") as database:
        yield database
    shutil.rmtree(home, ignore_errors=True)


def test_a_run_is_launched_on_ecs_without_a_secret_in_its_request(record_database, tmp_path, monkeypatch):
    """dagster.yaml, run.json and the launcher together, on moto's ECS."""
    for name, value in {
        **record_database.environment(),
        "DAGSTER_COMPUTE_LOGS_BUCKET": "logs",
        "HEADWATER_RUN_TASK_DEFINITION": "headwater-run",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "planted-aws-key",
        "ETHEREUM_PROVIDER_URI": "https://node.example.com/planted-node-key",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
        ecs.create_cluster(clusterName="headwater")
        ecs.register_task_definition(**_document(DEPLOY / "ecs/run.json"))
        network = {
            "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
            "securityGroups": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
        }
        settings = yaml.safe_load((DEPLOY / "ecs/dagster.yaml").read_text())
        # No TLS at the test's database, and no task of the launcher's own whose network it could take.
        settings["storage"]["postgres"]["postgres_db"]["params"] = {"sslmode": "prefer"}
        settings["run_launcher"]["config"] |= {
            "use_current_ecs_task_config": False,
            "run_task_kwargs": {
                "cluster": "headwater",
                "launchType": "FARGATE",
                "networkConfiguration": {"awsvpcConfiguration": network},
            },
        }
        (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            launched = _launch(instance)
        (arn,) = ecs.list_tasks(cluster="headwater")["taskArns"]
        (task,) = ecs.describe_tasks(cluster="headwater", tasks=[arn])["tasks"]
    command = task["overrides"]["containerOverrides"][0]["command"]
    assert command[:3] == ["dagster", "api", "execute_run"]
    assert launched in command[3]
    assert "planted" not in json.dumps(task, default=str)


def _launch(instance):
    """Launch a job as the daemon does; returns the run's id."""
    with WorkspaceProcessContext(instance, WorkspaceFileTarget([str(ROOT / "workspace.yaml")])) as process:
        workspace = process.create_request_context()
        (location,) = workspace.code_locations
        job = location.get_repository("__repository__").get_full_job("ethereum_full_refresh_job")
        plan = location.get_execution_plan(job, {}, None, None, instance)
        run = instance.create_run(
            job_name=job.name,
            run_id=None,
            run_config={},
            resolved_op_selection=None,
            step_keys_to_execute=None,
            status=dg.DagsterRunStatus.NOT_STARTED,
            tags={},
            root_run_id=None,
            parent_run_id=None,
            job_snapshot=job.job_snapshot,
            execution_plan_snapshot=plan.execution_plan_snapshot,
            parent_job_snapshot=job.parent_job_snapshot,
            asset_selection=None,
            asset_check_selection=None,
            op_selection=None,
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
            asset_graph=None,
        )
        instance.launch_run(run.run_id, workspace)
    return run.run_id


COMPOSE = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())


def test_only_the_proxy_is_reachable_on_the_one_host():
    services = COMPOSE["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name for name, service in services.items() if "outside" in service.get("networks", ())} == {"proxy", "code"}
    for name, service in services.items():
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped"
        for condition in service.get("depends_on", {}).values():
            assert condition == {"condition": "service_healthy"}


# The secrets that each service's command reads; who has code.env has those of all settings.
READ = {
    "postgres": {"POSTGRES_PASSWORD"},
    **{name: {"DAGSTER_POSTGRES_PASSWORD"} for name in ("code", "daemon", "web", "viewer")},
    "proxy": set(),
}


def test_no_service_of_the_one_host_has_a_secret_that_its_command_does_not_read():
    for name, service in COMPOSE["services"].items():
        assert {variable for variable in service["environment"] if "PASSWORD" in variable} == READ[name]
        assert not SECRETS & (service["environment"].keys() - READ[name])
        assert service.get("env_file") == (["code.env"] if name == "code" else None)
        assert ("home:/var/lib/headwater" in service["volumes"]) == (name == "code")
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", (DEPLOY / "compose/compose.yaml").read_text()))
    assert asked == set(re.findall(r"^([A-Z_]+)=$", (DEPLOY / "compose/env.example").read_text(), re.MULTILINE))


def test_every_container_of_the_one_host_is_bounded():
    for name, service in COMPOSE["services"].items():
        assert re.fullmatch(r"[0-9]+[gm]", service["mem_limit"]), name
        assert 0 < service["pids_limit"] <= 2048
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["logging"] == {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}}
        assert service["tmpfs"]
        assert all("size=" in place for place in service["tmpfs"])
        writable = {place.split(":")[0] for place in service["tmpfs"]} | {
            place.split(":")[1] for place in service["volumes"] if not place.endswith(":ro")
        }
        assert "/tmp" in writable


def test_the_database_of_the_one_host_is_in_no_network():
    database = COMPOSE["services"]["postgres"]
    assert database["network_mode"] == "none"
    assert "listen_addresses=" in database["command"]
    assert database["environment"]["POSTGRES_INITDB_ARGS"] == "--auth-local=scram-sha-256"
    settings = yaml.safe_load((DEPLOY / "compose/dagster.yaml").read_text())["storage"]["postgres"]["postgres_db"]
    environment = COMPOSE["services"]["web"]["environment"] | {"DAGSTER_POSTGRES_PASSWORD": "a word"}
    given = {key: environment[value["env"]] if "env" in value else value for key, value in settings.items()}
    url = make_url(pg_url_from_config({"postgres_db": given}))
    _, connection = create_engine(url).dialect.create_connect_args(url)
    assert connection["host"] == "/var/run/postgresql"
    assert parse_dsn(url.render_as_string(hide_password=False))["host"] == "/var/run/postgresql"
    mounted = "socket:/var/run/postgresql"
    assert {name for name, service in COMPOSE["services"].items() if mounted in service["volumes"]} == set(READ) - {
        "proxy"
    }


def _images():
    """Every image that a file names, by where."""
    for name, service in COMPOSE["services"].items():
        yield f"compose {name}", service["image"]
    for line in re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        yield "Dockerfile", line
    for place in (*_found(VALUES, "image"), *_found(VALUES, "initContainerImage")):
        yield "values.yaml", f"{place['repository']}:{place['tag']}"
    for name in AWS_FILES:
        for container in json.loads((DEPLOY / name).read_text()).get("containerDefinitions", []):
            yield name, container["image"]


def _found(document, key):
    """Every value of a key, at any depth."""
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    own = [document[key]] if isinstance(document, dict) and key in document else []
    return [*own, *(value for part in inner for value in _found(part, key))]


def test_every_image_is_a_version_or_asked_for():
    """No moving tag: all numbers of a version, a digest, or a variable that has to be set."""
    images = dict.fromkeys(_images())
    assert len(images) >= 10
    for place, image in images:
        assert re.search(
            r":\d+\.\d+(\.\d+)?(-[a-z0-9-]+)?$|@sha256:[0-9a-f]{64}$"
            r"|^\$\{HEADWATER_IMAGE(:\?[^}]+)?\}$|:\$\{HEADWATER_TAG\}$",
            image,
        ), (place, image)
    for path in (*DEPLOY.rglob("*.*"), ROOT / "Dockerfile", ROOT / "docs/deploying.md"):
        assert not re.search(r":latest\b|tag: *latest", path.read_text()), path


def test_compose_holds_no_secret_and_knows_its_names():
    for name, service in COMPOSE["services"].items():
        for variable, value in service.get("environment", {}).items():
            if name not in ("postgres", "proxy"):
                assert _known(variable), variable
            assert "PASSWORD" not in variable or value == "${DAGSTER_POSTGRES_PASSWORD:?set it in .env}"
    names = re.findall(r"^#?([A-Z_]+)=(.*)$", (DEPLOY / "compose/code.env.example").read_text(), re.MULTILINE)
    for name, value in names:
        assert _known(name) or name.startswith("AWS_"), name
        assert not value or (name not in SECRETS and "PASSWORD" not in name), name


VALUES = yaml.safe_load((DEPLOY / "kubernetes/values.yaml").read_text())
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]


def test_the_kubernetes_launchers_configuration():
    """What the chart makes of the values, as its run launcher takes it."""
    given = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
    config = {
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": VALUES["global"]["postgresqlSecretName"],
        "service_account_name": VALUES["serviceAccount"]["name"],
        "image_pull_policy": given["imagePullPolicy"],
        "run_k8s_config": {
            "container_config": given["runK8sConfig"]["containerConfig"],
            "pod_spec_config": given["runK8sConfig"]["podSpecConfig"],
            "job_spec_config": given["runK8sConfig"]["jobSpecConfig"],
        },
    }
    checked = process_config(resolve_to_config_type(K8sRunLauncher.config_type()), config)
    assert checked.success, checked.errors
    kind = given["runK8sConfig"]
    k8s_model_from_dict(kubernetes.V1Container, {"name": "run", **_snake(kind["containerConfig"])})
    k8s_model_from_dict(kubernetes.V1PodSpec, {"containers": [], **_snake(kind["podSpecConfig"])})
    k8s_model_from_dict(kubernetes.V1JobSpec, {"template": {}, **_snake(kind["jobSpecConfig"])})


def _snake(value):
    """The chart's camel case as the Python models' names; what Kubernetes calls exec, Python may not."""
    if isinstance(value, dict):
        value = {"_exec" if key == "exec" else key: inner for key, inner in value.items()}
        return {
            re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", key): _snake(inner) for key, inner in value.items()
        }
    return [_snake(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("part", ["dagsterWebserver", "dagsterDaemon", "code"])
def test_kubernetes_parts_are_kubernetes_models(part):
    given = CODE if part == "code" else VALUES[part]
    for key, model in {
        "resources": kubernetes.V1ResourceRequirements,
        "securityContext": kubernetes.V1SecurityContext,
        "podSecurityContext": kubernetes.V1PodSecurityContext,
        "livenessProbe": kubernetes.V1Probe,
        "readinessProbe": kubernetes.V1Probe,
    }.items():
        if key in given:
            k8s_model_from_dict(model, _snake(given[key]))
    assert given["podSecurityContext"]["runAsNonRoot"]
    assert given["image"] == CODE["image"]


POLICIES = list(yaml.safe_load_all((DEPLOY / "kubernetes/namespace.yaml").read_text()))
KINDS = {"NetworkPolicy": kubernetes.V1NetworkPolicySpec, "LimitRange": kubernetes.V1LimitRangeSpec}


@pytest.mark.parametrize("document", POLICIES, ids=lambda document: document["metadata"]["name"])
def test_the_namespaces_rules_are_kubernetes_models(document):
    k8s_model_from_dict(KINDS[document["kind"]], _renamed(_snake(document["spec"])))


def _renamed(value):
    """What Kubernetes calls from, Python may not."""
    if isinstance(value, dict):
        return {"_from" if key == "from" else key: _renamed(inner) for key, inner in value.items()}
    return [_renamed(inner) for inner in value] if isinstance(value, list) else value


def _let_in(labels, port):
    """The pods, by component, that may reach a pod with these labels at a port; None of the ingress controller's."""
    found = set()
    for document in (document for document in POLICIES if document["kind"] == "NetworkPolicy"):
        for rule in document["spec"].get("ingress", []) if _chosen(document["spec"]["podSelector"], labels) else []:
            assert rule["from"]
            assert [(entry["protocol"], entry["port"]) for entry in rule["ports"]] == [("TCP", port)]
            for source in rule["from"]:
                if "namespaceSelector" in source:
                    found.add(None)
                else:
                    components = ("dagster-webserver", "dagster-webserver-read-only", "dagster-daemon", "run_worker")
                    found |= {name for name in components if _chosen(source["podSelector"], {"component": name})}
    return found


def _chosen(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(entry["key"]) in entry["values"] for entry in selector.get("matchExpressions", [])
    )


def test_only_the_ingress_reaches_the_web_server_and_only_daemon_and_web_the_code_server():
    nobody = next(document for document in POLICIES if document["metadata"]["name"] == "headwater-nobody")
    assert nobody["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    servers = ("dagster-webserver", "dagster-webserver-read-only")
    for name in servers:
        assert _let_in({"component": name}, 3000) == {None}
    code = {"component": "user-deployments", "deployment": CODE["name"]}
    assert _let_in(code, CODE["port"]) == {*servers, "dagster-daemon"}
    for name in ("dagster-daemon", "run_worker"):
        assert _let_in({"component": name}, 0) == set()
    assert VALUES["dagsterWebserver"]["service"]["port"] == 3000


def test_every_container_of_the_chart_is_bounded():
    parts = [VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], CODE]
    parts.append(VALUES["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["containerConfig"])
    assert all(part["resources"]["limits"]["memory"] for part in parts)
    (others,) = next(document for document in POLICIES if document["kind"] == "LimitRange")["spec"]["limits"]
    assert others["type"] == "Container"
    assert others["default"]["memory"]


def test_the_chart_gets_the_guarded_web_server():
    """The chart starts dagster-webserver by name: the image's PATH finds ours first."""
    ours = DEPLOY / "bin/dagster-webserver"
    assert os.access(ours, os.X_OK)
    assert re.search(r"\bPATH=/opt/headwater/deploy/bin:\$PATH", (ROOT / "Dockerfile").read_text())
    path = os.pathsep.join([str(ours.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    assert shutil.which("dagster-webserver", path=path) == str(ours)
    said = subprocess.run(
        ["dagster-webserver", "--help"], cwd=ROOT, env={**os.environ, "PATH": path}, check=True, capture_output=True
    )
    assert b"Usage: python -m commands.web [OPTIONS]" in said.stdout
    environment = {entry["name"]: entry["value"] for entry in VALUES["dagsterWebserver"]["env"]}
    assert environment["HEADWATER_URL"] == f"https://{VALUES['ingress']['dagsterWebserver']['host']}"
    assert not SECRETS & environment.keys()
    assert not any("envSecrets" in VALUES[part] for part in ("dagsterWebserver", "dagsterDaemon"))


def test_every_database_of_dagsters_record_shows_its_certificate():
    assert VALUES["postgresql"]["postgresqlParams"] == {"sslmode": "verify-full"}
    lines = (ROOT / "Dockerfile").read_text()
    assert "PGSSLROOTCERT=/etc/ssl/headwater.pem" in lines
    assert "> /etc/ssl/headwater.pem" in lines


def test_the_charts_instance_is_configured_as_on_ecs(tmp_path):
    ecs = yaml.safe_load((DEPLOY / "ecs/dagster.yaml").read_text())
    added = VALUES["additionalInstanceConfig"]
    assert added == {key: ecs[key] for key in ("concurrency", "run_monitoring", "run_retries", "retention", "nux")}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(added))
    dagster_instance_config(str(tmp_path))
    # The chart writes these itself where they are enabled; a key twice is no YAML.
    daemon = VALUES["dagsterDaemon"]
    assert not [part for part in ("runCoordinator", "runMonitoring", "runRetries") if daemon[part]["enabled"]]
    assert not VALUES["retention"]["enabled"]
    assert "concurrency" not in VALUES


def test_kubernetes_secrets_are_references():
    text = (DEPLOY / "kubernetes/values.yaml").read_text()
    names = {entry["name"] for entry in CODE["env"]}
    assert not names & SECRETS
    assert [name for name in names if not _known(name)] == []
    assert CODE["envSecrets"] == [{"name": "headwater"}]
    assert not VALUES["generatePostgresqlPasswordSecret"]
    assert "postgresqlPassword" not in text
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"


def test_the_image_is_locked_and_not_roots():
    lines = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes -r requirements.lock" in lines
    assert "etl_command(Path('/var/lib/headwater'))" in lines
    after = lines[lines.index("USER headwater") :]
    assert "RUN" not in after
    assert "HEALTHCHECK" in after
    assert "/server_info" in after
    for source in re.findall(r"^COPY (\S+) \S+$", lines, re.MULTILINE):
        assert (ROOT / source).exists()
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {"**/.env", "deploy/compose/proxy"} <= set(ignored)  # the rest: test_ignored.py
