{{/* Of both configurations. cert-manager fills in the caBundle by the annotation; else the webhook does. */}}
{{- define "tierrouter.admissionMetadata" -}}
name: {{ include "tierrouter.componentName" (list . "webhook") }}
labels:
  {{- include "tierrouter.labels" (list . "webhook") | nindent 2 }}
{{- if .Values.webhook.certManager.enabled }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "tierrouter.componentName" (list . "webhook") }}
{{- end }}
{{- end }}

{{/* (list $ "/path"). No caBundle where somebody else fills it in: what is not here, an upgrade leaves as it is. */}}
{{- define "tierrouter.clientConfig" -}}
{{- $ := first . -}}
service:
  name: {{ include "tierrouter.componentName" (list $ "webhook") }}
  namespace: {{ $.Release.Namespace }}
  path: {{ last . }}
  port: 443
{{- if $.Values.webhook.certificate.existingSecret }}
caBundle: {{ $.Values.webhook.certificate.caBundle }}
{{- end }}
{{- end }}

{{/* Namespaces that have to do with it. */}}
{{- define "tierrouter.ourNamespaces" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values: {{ toJson (append .Values.webhook.excludedNamespaces .Release.Namespace | uniq) }}
{{- with .Values.watchNamespaces }}
- key: kubernetes.io/metadata.name
  operator: In
  values: {{ toJson . }}
{{- end }}
{{- end }}

{{/* What both entries for pods have in common. */}}
{{- define "tierrouter.injection" -}}
clientConfig:
  {{- include "tierrouter.clientConfig" (list . "/inject") | nindent 2 }}
admissionReviewVersions: [v1]
# A pod without its sidecar beats no pod at all; the router's condition InjectionHealthy names it.
failurePolicy: Ignore
matchPolicy: Equivalent
# A webhook that comes later may add a container, whose variables are then set too.
reinvocationPolicy: IfNeeded
# The Event that says why a pod was left alone.
sideEffects: NoneOnDryRun
timeoutSeconds: {{ .Values.webhook.timeoutSeconds }}
rules:
  - apiGroups: [""]
    apiVersions: [v1]
    operations: [CREATE]
    resources: [pods]
    scope: Namespaced
matchConditions:
  # The API server's image of what a kubelet runs by itself; nothing of it can be changed.
  - name: is-no-mirror-pod
    expression: "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)"
{{- end }}
