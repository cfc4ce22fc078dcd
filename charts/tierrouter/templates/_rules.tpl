{{/* (list $ $path): a file of alerts, with the values' thresholds in it */}}
{{- define "tierrouter.rules" -}}
{{- $text := (first .).Files.Get (last .) }}
{{- range $name, $value := (first .).Values.prometheusRule.thresholds }}
{{- $text = regexReplaceAll (printf "[0-9.]+( # thresholds[.]%s\n)" $name) $text (printf "%s${1}" (toJson $value | trimAll "\"")) }}
{{- end }}
{{- $text }}
{{- end }}
