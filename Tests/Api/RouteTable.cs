using AiChat.Endpoints.Http;

namespace AiChat.Tests.Api;

/// <summary>
/// Every route and who may call it. A route that is not here, or is open to others than it says here, fails the build: adding one
/// means deciding who may call it, in writing.
/// </summary>
internal static class RouteTable
{
    /// <param name="Body">Whether the route reads a JSON body.</param>
    /// <param name="Vendor">Whether it speaks another vendor's protocol, errors included.</param>
    internal sealed record Row(string Method, string Path, Access Access, bool Body = false, bool Vendor = false)
    {
        /// <summary>The path with ids that exist for nobody.</summary>
        public string Missing => System.Text.RegularExpressions.Regex.Replace(Path, @"\{[^}]*\}", "987654321");
    }

    public static readonly IReadOnlyList<Row> Rows =
    [
        new("GET", "/api/health", Access.Public),
        new("HEAD", "/api/health", Access.Public),
        new("GET", "/api/settings/health", Access.Public),
        new("HEAD", "/api/settings/health", Access.Public),
        new("GET", "/api/settings/branding", Access.Public),
        new("GET", "/api/settings/app-info", Access.Public),
        new("POST", "/api/auth/register", Access.Public, Body: true),
        new("POST", "/api/auth/login", Access.Public, Body: true),
        new("POST", "/api/auth/token", Access.Public, Body: true),
        new("POST", "/api/auth/refresh", Access.Public),
        new("POST", "/api/auth/logout", Access.Public),
        new("GET", "/api/shares/{token}", Access.Public),
        // Whose image it is decides, or a signature.
        new("GET", "/chat-images/{id}", Access.Public),
        new("HEAD", "/chat-images/{id}", Access.Public),
        new("GET", "/avatars/assistant", Access.Public),
        new("HEAD", "/avatars/assistant", Access.Public),

        new("GET", "/api/auth/me", Access.Any),
        new("GET", "/api/sessions", Access.Any),
        new("POST", "/api/sessions", Access.Any, Body: true),
        new("GET", "/api/sessions/{id:long}", Access.Any),
        new("PATCH", "/api/sessions/{id:long}", Access.Any, Body: true),
        new("DELETE", "/api/sessions/{id:long}", Access.Any),
        new("GET", "/api/sessions/{id:long}/messages", Access.Any),
        new("GET", "/api/sessions/{id:long}/find", Access.Any),
        new("POST", "/api/sessions/{id:long}/fork", Access.Any, Body: true),
        new("GET", "/api/sessions/{id:long}/export", Access.Any),
        new("POST", "/api/sessions/bulk", Access.Any, Body: true),
        new("GET", "/api/prompts", Access.Any),
        new("GET", "/api/drafts/{slot}", Access.Any),
        new("PUT", "/api/drafts/{slot}", Access.Any, Body: true),
        new("DELETE", "/api/drafts/{slot}", Access.Any),
        new("DELETE", "/api/sessions/{id:long}/messages", Access.Any),
        new("DELETE", "/api/sessions/{id:long}/messages/{messageId:long}", Access.Any),
        new("POST", "/api/sessions/{id:long}/branch", Access.Any, Body: true),
        new("GET", "/api/sessions/{id:long}/usage", Access.Any),
        new("POST", "/api/chat/stream", Access.Any, Body: true),
        new("GET", "/api/chat/stream/{messageId:long}", Access.Any),
        new("POST", "/api/chat/completion", Access.Any, Body: true),
        new("POST", "/api/chat/regenerate", Access.Any, Body: true),
        new("POST", "/api/chat/continue", Access.Any, Body: true),
        new("POST", "/api/chat/stop", Access.Any, Body: true),
        new("GET", "/api/chat/runs", Access.Any),
        new("POST", "/api/images", Access.Any),
        new("DELETE", "/api/images/{id}", Access.Any),
        new("GET", "/api/catalog/models", Access.Any),
        new("GET", "/api/settings/system", Access.Any),

        new("POST", "/api/auth/logout-all", Access.User),
        new("PUT", "/api/auth/password", Access.User, Body: true),
        new("GET", "/api/auth/logins", Access.User),
        new("DELETE", "/api/auth/logins/{id:long}", Access.User),
        new("GET", "/api/usage/summary", Access.User),
        new("GET", "/api/admin/usage", Access.Admin),
        new("GET", "/v1/models", Access.User, Vendor: true),
        new("GET", "/v1/models/{**id}", Access.User, Vendor: true),
        new("POST", "/v1/chat/completions", Access.User, Body: true, Vendor: true),
        new("POST", "/v1/responses", Access.User, Body: true, Vendor: true),
        new("POST", "/v1/messages", Access.User, Body: true, Vendor: true),
        new("POST", "/v1/messages/count_tokens", Access.User, Body: true, Vendor: true),
        new("POST", "/v1/embeddings", Access.User, Body: true, Vendor: true),
        new("GET", "/api/keys", Access.User),
        new("POST", "/api/keys", Access.User, Body: true),
        new("DELETE", "/api/keys/{id:long}", Access.User),
        new("POST", "/api/sessions/{id:long}/share", Access.User, Body: true),
        new("GET", "/api/sessions/{id:long}/share", Access.User),
        new("DELETE", "/api/sessions/{id:long}/share", Access.User),
        new("GET", "/api/account/export", Access.User),
        new("DELETE", "/api/account", Access.User, Body: true),
        new("POST", "/api/prompts", Access.User, Body: true),
        new("PUT", "/api/prompts/{id:long}", Access.User, Body: true),
        new("DELETE", "/api/prompts/{id:long}", Access.User),
        new("GET", "/api/settings/personal", Access.User),
        new("PUT", "/api/settings/personal", Access.User, Body: true),
        new("PUT", "/api/settings/personal/avatar", Access.User),
        new("DELETE", "/api/settings/personal/avatar", Access.User),
        new("GET", "/avatars/{userId:long}", Access.User),
        new("HEAD", "/avatars/{userId:long}", Access.User),

        new("GET", "/metrics", Access.Admin),
        new("PATCH", "/api/settings/system", Access.Admin, Body: true),
        new("GET", "/api/audit", Access.Admin),
        new("POST", "/api/settings/web-search/test", Access.Admin, Body: true),
        new("POST", "/api/settings/images/refresh", Access.Admin),
        new("PUT", "/api/settings/assistant-avatar", Access.Admin),
        new("DELETE", "/api/settings/assistant-avatar", Access.Admin),
        new("GET", "/api/users", Access.Admin),
        new("POST", "/api/users", Access.Admin, Body: true),
        new("GET", "/api/users/{id:long}", Access.Admin),
        new("POST", "/api/users/{id:long}/approve", Access.Admin),
        new("POST", "/api/users/{id:long}/reject", Access.Admin, Body: true),
        new("PUT", "/api/users/{id:long}/role", Access.Admin, Body: true),
        new("PUT", "/api/users/{id:long}/status", Access.Admin, Body: true),
        new("PUT", "/api/users/{id:long}/quota", Access.Admin, Body: true),
        new("POST", "/api/users/{id:long}/reset-password", Access.Admin),
        new("DELETE", "/api/users/{id:long}", Access.Admin),
        new("GET", "/api/connections", Access.Admin),
        new("POST", "/api/connections", Access.Admin, Body: true),
        new("POST", "/api/connections/verify", Access.Admin, Body: true),
        new("PUT", "/api/connections/{id:long}", Access.Admin, Body: true),
        new("DELETE", "/api/connections/{id:long}", Access.Admin),
        new("POST", "/api/connections/{id:long}/refresh", Access.Admin),
        new("POST", "/api/catalog/models/refresh", Access.Admin),
        new("PUT", "/api/catalog/models", Access.Admin, Body: true),
        new("GET", "/api/catalog/models/overrides", Access.Admin),
        new("DELETE", "/api/catalog/models/overrides", Access.Admin, Body: true),
        new("POST", "/api/catalog/models/overrides/import", Access.Admin, Body: true),
    ];
}
