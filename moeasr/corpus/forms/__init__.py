"""Common forms of speech corpora, from a folder of audio to manifests of other toolkits."""
