{{- /* What the worker's and the reclustering's pods share. */ -}}

{{- define "sluice.podFields" -}}
# A Service named "sluice" would otherwise put SLUICE_PORT and the like into the environment, and Sluice refuses
# to start with a SLUICE_ variable that it does not know.
enableServiceLinks: false
serviceAccountName: {{ include "sluice.serviceAccount" . }}
automountServiceAccountToken: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "sluice.containerFields" -}}
image: {{ include "sluice.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
envFrom:
  - configMapRef:
      name: {{ include "sluice.fullname" . }}
volumeMounts:
  - name: data
    mountPath: /var/lib/sluice
  # Libraries keep caches in the temporary folder, and the root file system is read-only.
  - name: tmp
    mountPath: /tmp
  {{- if .Values.tls.existingSecret }}
  - name: tls
    mountPath: /etc/sluice/tls
    readOnly: true
  {{- end }}
  {{- if .Values.models.existingClaim }}
  - name: models
    mountPath: /models
    readOnly: true
  {{- end }}
{{- end -}}

{{- define "sluice.secretEnv" -}}
{{- with .Values.sasl }}
{{- if .existingSecret }}
- name: SLUICE_SASL_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .usernameKey }}
- name: SLUICE_SASL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .passwordKey }}
{{- end }}
{{- end }}
{{- with .Values.alertmanager }}
{{- if .existingSecret }}
- name: SLUICE_ALERTMANAGER_URL
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .urlKey }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* A container sees the node's cores, not its own share of them: the encoder is told its share. */ -}}
{{- define "sluice.threadsEnv" -}}
{{- if not (hasKey .Values.settings "encoder_threads") }}
- name: SLUICE_ENCODER_THREADS
  valueFrom:
    resourceFieldRef:
      resource: limits.cpu
      divisor: "1"
{{- end }}
{{- end -}}

{{- define "sluice.volumes" -}}
- name: data
  emptyDir:
    sizeLimit: {{ .Values.dataDir.sizeLimit }}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- with .Values.tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .Values.models.existingClaim }}
- name: models
  persistentVolumeClaim:
    claimName: {{ . }}
    readOnly: true
{{- end }}
{{- end -}}
