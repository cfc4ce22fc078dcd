{{/* The least that the operator has to be allowed in the namespaces that it works in. */}}
{{- define "tierrouter.operatorRules" -}}
# What users write: read, never changed.
- apiGroups: [tierrouter.dev]
  resources: [tierrouters, modelproviders, regressionsuites]
  verbs: [get, list, watch]
# Revisions are made, and go when there are too many of them; a spec never changes.
- apiGroups: [tierrouter.dev]
  resources: [routerrevisions]
  verbs: [get, list, watch, create, deletecollection]
# What the operator says. Server-side apply is a patch.
- apiGroups: [tierrouter.dev]
  resources: [tierrouters/status, modelproviders/status, routerrevisions/status]
  verbs: [patch]
# What regression runs have decided is acted on, and said in their status.
- apiGroups: [tierrouter.dev]
  resources: [regressionruns]
  verbs: [get, list, watch]
- apiGroups: [tierrouter.dev]
  resources: [regressionruns/status]
  verbs: [patch]
# Documents of revisions, and the active ConfigMaps. It watches those with its label alone, but RBAC knows no labels.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, update, deletecollection]
# Users' Secrets are read for their keys; the composed one is written. None is ever deleted by the operator.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, update]
# Pods with a sidecar are told to look at their mounts; an admission policy holds a patch to that.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch]
# Model servers. An admission policy says what may run in them; a claim is never deleted, weights took long to come.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
# The label by which a namespace asks for sidecars.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* The same for the webhook. Keys and documents are mounted by the kubelet: it reads neither Secrets nor ConfigMaps. */}}
{{- define "tierrouter.webhookRules" -}}
- apiGroups: [tierrouter.dev]
  resources: [tierrouters, modelproviders]
  verbs: [list]
# What a sidecar may ask for, so that it doesn't keep its pod from starting.
- apiGroups: [""]
  resources: [resourcequotas, limitranges]
  verbs: [list]
# Why a pod was left alone.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* (list $ "operator"): its rights in all namespaces, or in those that are watched */}}
{{- define "tierrouter.grants" -}}
{{- $ := first . }}
{{- $this := list $ (index . 1) }}
{{- $name := include "tierrouter.componentName" $this }}
{{- $account := include "tierrouter.serviceAccountName" $this }}
{{- range $namespace := $.Values.watchNamespaces | default (list "") }}
{{- $scope := empty $namespace | ternary "Cluster" "" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $scope }}Role
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "tierrouter.labels" $this | nindent 4 }}
rules:
  {{- include (last $this | printf "tierrouter.%sRules") $ | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $scope }}RoleBinding
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "tierrouter.labels" $this | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $scope }}Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $account }}
    namespace: {{ $.Release.Namespace }}
{{- end }}
{{- end }}
