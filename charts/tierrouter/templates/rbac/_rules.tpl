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
  resources: [tierrouters/status, modelproviders/status, routerrevisions/status, regressionsuites/status]
  verbs: [patch]
# Runs of suites are made, said of what came of them, and go when there are too many. It reads their status by itself
# only to be able to let the account of their Jobs do so.
- apiGroups: [tierrouter.dev]
  resources: [regressionruns]
  verbs: [get, list, watch, create, delete]
- apiGroups: [tierrouter.dev]
  resources: [regressionruns/status]
  verbs: [get, patch]
# Their Jobs, which never change. An admission policy says which Jobs may be made.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# The account of these Jobs, and what binds it to its role; an admission policy holds both to these names. Nothing can be
# granted that the operator may not do itself.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, create]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [get, create]
# Documents of revisions, and the active ConfigMaps. It watches those with its label alone, but RBAC knows no labels.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, update, deletecollection]
# Users' Secrets are read for their keys; the composed one is written. None is ever deleted by the operator.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, update]
# Pods with a sidecar are told to look at their mounts; an admission policy holds a patch to that. Those of a run's Job
# that has failed are listed to say why. One pod by itself is read by the account of Jobs alone, which the operator has to
# be able to let do so.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, patch]
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

{{/* What the account of regression runs' Jobs may do, in the namespaces of suites. */}}
{{- define "tierrouter.resultsRules" -}}
# Results, once a cell; an admission policy holds it to the cell of its own pod, and to nothing else of a status.
- apiGroups: [tierrouter.dev]
  resources: [regressionruns/status]
  verbs: [get, patch]
# How its pod ended: one that was taken away is made again, and has no results.
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
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
