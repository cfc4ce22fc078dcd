"""Whether what was installed works together: for `helm test`. Standard library alone."""

import base64
import json
import os
import ssl
import sys
import urllib.request

NAMESPACE, OPERATOR, WEBHOOK = sys.argv[1:]
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
API = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
POD = {"metadata": {"name": "helm-test"}, "spec": {"containers": [{"name": "agent", "image": "agent"}]}}


def ask(url, tls, headers, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
    with opener.open(request, timeout=10) as answer:
        return json.load(answer)


def cluster(path):
    with open(f"{ACCOUNT}/token") as token:
        headers = {"Authorization": f"Bearer {token.read()}"}
    return ask(API + path, ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt"), headers)


def main():
    served = {each["name"] for each in cluster("/apis/tierrouter.dev/v1alpha1")["resources"]}
    lacking = {"tierrouters", "modelproviders", "routerrevisions"} - served
    if lacking:
        return f"the API server does not serve {', '.join(sorted(lacking))}: are crds/*.yaml installed?"
    print("the custom resources are served")

    status = cluster(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{OPERATOR}")["status"]
    if not status.get("availableReplicas"):
        return f"the operator is not available: kubectl logs -n {NAMESPACE} deployment/{OPERATOR}"
    print("the operator is available")
    if not WEBHOOK:
        return None

    # As the API server does it: by the name of the Service, trusting the authority that it was told of.
    kind = "mutatingwebhookconfigurations"
    entries = cluster(f"/apis/admissionregistration.k8s.io/v1/{kind}/{WEBHOOK}")["webhooks"]
    for entry in entries:
        authority = entry["clientConfig"].get("caBundle")
        if not authority:
            return f"{entry['name']} has no caBundle yet: kubectl logs -n {NAMESPACE} deployment/{WEBHOOK}"
        tls = ssl.create_default_context(cadata=base64.b64decode(authority).decode())
        review = {"uid": "helm-test", "operation": "CREATE", "namespace": NAMESPACE, "object": POD, "dryRun": True}
        review["kind"] = {"group": "", "version": "v1", "kind": "Pod"}
        review["resource"] = {"group": "", "version": "v1", "resource": "pods"}
        review["userInfo"] = {"username": "helm-test"}
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": review}
        answer = ask(f"https://{WEBHOOK}.{NAMESPACE}.svc:443/inject", tls, {}, body)["response"]
        if answer["uid"] != "helm-test" or not answer["allowed"]:
            return f"the webhook answers {answer}"
        print(f"{entry['name']}: the webhook answers, and its certificate is trusted")
    return None


sys.exit(main())
