using AiChat.Data.Accounts;

namespace AiChat.Endpoints.Auth;

/// <summary>The scopes of API keys. An endpoint names the scope it needs; one that names none needs <see cref="Api"/>.</summary>
internal static class KeyScopes
{
    public const string Chat = "chat";
    public const string Models = "models";

    /// <summary>Everything that the page can do, except managing keys and passwords.</summary>
    public const string Api = "api";

    public static T NeedsScope<T>(this T builder, string scope)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new ScopeMetadata(scope));

    /// <summary>Whether the key opens this endpoint. The stored scopes are a JSON list written by the server.</summary>
    public static bool Opens(LiveKey key, Endpoint? endpoint) =>
        key.Scopes.Contains($"\"{endpoint?.Metadata.GetMetadata<ScopeMetadata>()?.Scope ?? Api}\"", StringComparison.Ordinal);
}

internal sealed record ScopeMetadata(string Scope);
