"""The operator: compiles TierRouters into the ConfigMaps and Secrets that sidecars mount."""
