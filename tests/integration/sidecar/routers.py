"""Router files for the tests: the design's five tiers, all at the scriptable provider."""

DIALECTS = "OpenAIChat, OpenAIResponses, AnthropicMessages"

ROUTER = """
apiVersion: tierrouter.dev/v1alpha1
kind: TierRouter
metadata: {{name: coding, namespace: agents}}
spec:
  mode: {mode}
  tiers:
    - {{name: routine,   rank: 1, model: kimi-k2-6,         provider: vendor, maxTokens: 8192}}
    - {{name: reasoning, rank: 2, model: gpt-5-5,           provider: vendor, maxTokens: 4096, expensive: true}}
    - {{name: deep,      rank: 3, model: claude-opus-4-7,   provider: vendor, maxTokens: 8192, expensive: true}}
    - {{name: local,     rank: 0, model: qwen-local,        provider: vendor, maxTokens: 4096}}
    - {{name: fallback,  rank: 1, model: deepseek-v4-flash, provider: spare,  maxTokens: 8192}}
  defaultTier: routine
  fallbackTier: fallback
  baselineModel: gpt-5-5
  thresholds:
    - {{name: file_count, value: 8, min: 1, max: 40, onRegression: -1, onPromotion: 1}}
  rules:
    - {{name: sandboxed, when: "task.sandboxed", tier: local}}
    - {{name: wide-change, when: "task.file_count > thresholds.file_count", tier: reasoning}}
  hints: {{allow: [routine, reasoning, deep, local], modelAliases: true}}
  failover: {{connectTimeout: 1s, headersTimeout: {headers_timeout}, firstTokenTimeout: 5s, totalTimeout: 20s, idleTimeout: 5s}}
{more}
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {{name: vendor}}
spec:
  baseURL: {vendor}
  dialects: [{dialects}]
  credential: {{secretRef: {{name: vendor, key: api-key}}}}
{provider_more}
  models:
    - {{name: kimi-k2-6, id: moonshotai/kimi-k2.6, contextWindow: 262144, priceUSDPerMTok: {{input: "0.95", output: "4.00", cacheRead: "0.16"}}}}
    - {{name: gpt-5-5, id: gpt-5.5, contextWindow: 400000, priceUSDPerMTok: {{input: "5", output: "30", cacheRead: "0.5"}}}}
    - {{name: claude-opus-4-7, id: claude-opus-4-7, contextWindow: 1000000, maxOutputTokens: 32000, priceUSDPerMTok: {{input: "5", output: "25", cacheRead: "0.5", cacheWrite: "6.25", cacheWrite1h: "10"}}}}
    - {{name: qwen-local, id: "qwen3.6:27b", contextWindow: 65536, priceUSDPerMTok: {{input: "0", output: "0"}}}}
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {{name: spare}}
spec:
  baseURL: {spare}
  dialects: [{spare_dialects}]
  credential: {{secretRef: {{name: spare, key: api-key}}}}
  models:
    - {{name: deepseek-v4-flash, id: deepseek/deepseek-v4-flash, contextWindow: 262144, priceUSDPerMTok: {{input: "0.14", output: "0.28"}}}}
"""

VENDOR_KEY = "sk-vendor-secret-0123456789"
SPARE_KEY = "sk-spare-secret-9876543210"


def router_text(
    vendor: str,
    spare: str | None = None,
    *,
    mode: str = "Route",
    dialects: str = DIALECTS,
    spare_dialects: str | None = None,
    headers_timeout: str = "10s",
    more: str = "",
    provider_more: str = "",
) -> str:
    """A router file whose tiers are at ``vendor``, and whose fallback is at ``spare``."""
    return ROUTER.format(
        vendor=vendor,
        spare=spare or vendor,
        mode=mode,
        dialects=dialects,
        spare_dialects=spare_dialects or dialects,
        headers_timeout=headers_timeout,
        more=more,
        provider_more=provider_more,
    )
