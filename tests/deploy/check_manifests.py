#!/usr/bin/env python3
"""Checks the Kubernetes manifests of a folder by their structure: check_manifests.py FOLDER CONFIG-OUT

What has to be there (apiVersion, kind, names, fields without which the API server refuses), what names each other
(labels, ports, volumes, config map, service account), and what is promised of the pod's rights. Writes the embedded
pickletap.yaml to CONFIG-OUT. Prints one line a fault. Exit 0: none. With kubeconform or kubectl at hand, those say more.
"""

import pathlib
import re
import sys

import yaml

faults = []


def hold(condition, what):
    if not condition:
        faults.append(what)


def at(node, path):
    """The value at a.b.0.c; None where there is none."""
    for step in path.split("."):
        if isinstance(node, list):
            node = node[int(step)] if int(step) < len(node) else None
        elif isinstance(node, dict):
            node = node.get(step)
        else:
            return None
    return node


API_VERSIONS = {
    "Namespace": "v1",
    "ServiceAccount": "v1",
    "ConfigMap": "v1",
    "DaemonSet": "apps/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "Kustomization": "kustomize.config.k8s.io/v1beta1",
}
DNS_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
QUANTITY = re.compile(r"^[0-9]+(\.[0-9]+)?(m|[kKMGT]i?)?$")

# Fields the API knows at these places (Kubernetes API reference 1.30): a misspelt one would be dropped in silence.
KNOWN = {
    "DaemonSet": {"apiVersion", "kind", "metadata", "spec"},
    "DaemonSet.spec": {"selector", "template", "updateStrategy", "minReadySeconds", "revisionHistoryLimit"},
    "pod": {
        "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "hostNetwork", "dnsPolicy",
        "terminationGracePeriodSeconds", "tolerations", "nodeSelector", "securityContext", "containers", "volumes",
        "affinity", "priorityClassName",
    },
    "pod.securityContext": {"runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "seccompProfile"},
    "container": {
        "name", "image", "imagePullPolicy", "args", "command", "env", "ports", "securityContext", "startupProbe",
        "livenessProbe", "readinessProbe", "resources", "volumeMounts", "lifecycle",
    },
    "container.securityContext": {
        "allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities", "privileged", "seccompProfile",
    },
    "probe": {
        "httpGet", "periodSeconds", "failureThreshold", "timeoutSeconds", "initialDelaySeconds", "successThreshold",
    },
}


def known(kind, node, where):
    hold(isinstance(node, dict), f"{where}: no map")
    for name in set(node or ()) - KNOWN[kind]:
        faults.append(f"{where}: unknown field {name}")


def check_daemonset(daemonset, documents):
    known("DaemonSet", daemonset, "DaemonSet")
    known("DaemonSet.spec", daemonset["spec"], "DaemonSet.spec")
    selector = at(daemonset, "spec.selector.matchLabels") or {}
    labels = at(daemonset, "spec.template.metadata.labels") or {}
    hold(selector and selector.items() <= labels.items(), "DaemonSet: its selector does not match its own pods")
    monitor = documents["PodMonitor"]
    wanted = at(monitor, "spec.selector.matchLabels") or {}
    hold(wanted and wanted.items() <= labels.items(), "PodMonitor: its selector does not match the pods")

    pod = at(daemonset, "spec.template.spec")
    known("pod", pod, "pod")
    known("pod.securityContext", pod.get("securityContext"), "pod.securityContext")
    hold(pod.get("hostNetwork") is True, "pod: without the host's network it sees its own traffic only")
    hold(pod.get("enableServiceLinks") is False, "pod: service links would be taken for configuration")
    hold(pod.get("serviceAccountName") == at(documents["ServiceAccount"], "metadata.name"), "pod: no such account")
    hold(pod.get("automountServiceAccountToken") is False, "pod: carries a token it never uses")
    hold(at(pod, "securityContext.runAsNonRoot") is True, "pod: may run as root")
    hold(at(pod, "securityContext.seccompProfile.type") == "RuntimeDefault", "pod: no seccomp profile")
    hold(len(pod["containers"]) == 1, "pod: one container expected")

    container = pod["containers"][0]
    known("container", container, "container")
    known("container.securityContext", container.get("securityContext"), "container.securityContext")
    hold(at(container, "securityContext.capabilities") == {"drop": ["ALL"], "add": ["NET_RAW"]},
         "container: other capabilities than NET_RAW")
    hold(at(container, "securityContext.readOnlyRootFilesystem") is True, "container: may write to its root")
    hold(not at(container, "securityContext.privileged"), "container: privileged")
    ports = {port["name"]: port for port in container["ports"]}
    hold(all(port.get("hostPort") == port["containerPort"] for port in ports.values()),
         "container: on the host's network hostPort is containerPort")
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        known("probe", container.get(probe), probe)
        hold(at(container, probe + ".httpGet.path") == path, f"{probe}: does not ask {path}")
        hold(at(container, probe + ".httpGet.port") in ports, f"{probe}: no such port")
    for endpoint in at(monitor, "spec.podMetricsEndpoints") or [{}]:
        hold(endpoint.get("port") in ports, "PodMonitor: no such port")
        hold(endpoint.get("path") == "/metrics", "PodMonitor: does not ask /metrics")
    for kind in ("requests", "limits"):
        for name, quantity in (at(container, "resources." + kind) or {"": ""}).items():
            hold(QUANTITY.match(str(quantity)), f"resources.{kind}.{name}: no quantity")

    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    hold(volumes.keys() == mounts.keys(), "container: mounts other volumes than there are")
    hold(at(volumes, "config.configMap.name") == at(documents["ConfigMap"], "metadata.name"), "volume: no such config map")
    hold(at(mounts, "config.mountPath") == "/etc/pickletap" and at(mounts, "config.readOnly") is True,
         "container: configuration is not at /etc/pickletap, read-only")
    hold(at(mounts, "log.mountPath") == "/var/log/pickletap", "container: nowhere to write")

    environment = {entry["name"]: entry for entry in container["env"]}
    names = [entry["name"] for entry in container["env"]]
    for index, entry in enumerate(container["env"]):
        for used in re.findall(r"\$\((\w+)\)", entry.get("value", "")):
            hold(used in names[:index], f"env {entry['name']}: $({used}) is not set before it")
    listen = at(environment, "PICKLETAP_HTTP_LISTEN.value") or ""
    hold(listen.endswith(":" + str(ports["http"]["containerPort"])), "env: HTTP listens on another port")


def main():
    folder, config_out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    documents = {}
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            kind = document.get("kind")
            hold(API_VERSIONS.get(kind) == document.get("apiVersion"), f"{path.name}: {kind} of another apiVersion")
            if kind != "Kustomization":
                hold(DNS_NAME.match(at(document, "metadata.name") or ""), f"{path.name}: no name")
            hold(kind not in documents, f"{path.name}: a second {kind}")
            documents[kind] = document
    hold(documents.keys() == API_VERSIONS.keys(), f"kinds: {sorted(documents)}")
    if not faults:
        resources = set(documents["Kustomization"]["resources"])
        files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        hold(resources == files, f"kustomization: lists {sorted(resources ^ files)} wrongly")
        images = {image["name"] for image in documents["Kustomization"]["images"]}
        hold(at(documents, "DaemonSet.spec.template.spec.containers.0.image") in images, "kustomization: no such image")
        check_daemonset(documents["DaemonSet"], documents)
        config_out.write_text(documents["ConfigMap"]["data"]["pickletap.yaml"])
    for fault in faults:
        print(fault)
    return 1 if faults else 0


sys.exit(main())
