{{/* What Pod Security's profile "restricted" asks for. The user is the image's, or the one that OpenShift picks. */}}
{{- define "tierrouter.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "tierrouter.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* (list $ "operator"): what of a pod's spec operator and webhook have in common */}}
{{- define "tierrouter.podSettings" -}}
{{- $own := index (first .).Values (last .) -}}
serviceAccountName: {{ include "tierrouter.serviceAccountName" . }}
# A Service tierrouter-webhook would set TIERROUTER_WEBHOOK_PORT, which is an option's variable.
enableServiceLinks: false
securityContext:
  {{- include "tierrouter.podSecurityContext" . | nindent 2 }}
{{- with (first .).Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (list $ "operator"): the metadata of its pods */}}
{{- define "tierrouter.podMetadata" -}}
{{- $own := index (first .).Values (last .) -}}
labels:
  {{- include "tierrouter.ownPodLabels" . | nindent 2 }}
  {{- with include "tierrouter.givenLabels" (list (first .) $own.podLabels) }}
  {{- . | nindent 2 }}
  {{- end }}
{{- with $own.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The Secrets that the operator's questions to Prometheus need, as sources of a projected volume; empty for none.
Optional, so that the operator runs without them: then sidecars' own counts are used, and a condition says why. */}}
{{- define "tierrouter.prometheusSources" -}}
{{- with .Values.operator.prometheus }}
{{- if .url }}
{{- $found := list }}
{{- range $file, $from := dict "token" .tokenSecret "ca.crt" .caSecret }}
{{- if $from.name }}
{{- $found = append $found (dict "secret" (dict "name" $from.name "optional" true "items" (list (dict "key" $from.key "path" $file)))) }}
{{- end }}
{{- end }}
{{- if $found }}
{{- toYaml $found }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
