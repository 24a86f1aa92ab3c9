using System.Security.Cryptography;
using System.Text;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Auth;

/// <summary>What a request came with. Sent and not good has no user and is never taken for a stranger's request.</summary>
internal readonly record struct Credential(CurrentUser? User, bool WasSent, bool InHeader, bool KeyOutOfScope = false);

/// <summary>
/// The one place that turns a request into a user: Authorization: Bearer (access token or key), then x-api-key, then the cookie.
/// A header wins over the cookie even when it is not good. Query strings are never looked at. User, login and key come from memory.
/// </summary>
internal sealed class Credentials(AccessTokens tokens, AuthCache authCache, ApiKeys keys, BackgroundWork background, TimeProvider clock)
{
    public const string KeyPrefix = "sk-";

    private const string Bearer = "Bearer ";

    public async ValueTask<Credential> Resolve(HttpContext context)
    {
        var request = context.Request;
        if (HeaderOf(request) is { } header)
        {
            return header.StartsWith(KeyPrefix, StringComparison.Ordinal)
                ? await FromKey(header, context.GetEndpoint())
                : new Credential(await FromToken(header), WasSent: true, InHeader: true);
        }

        if (Cookies.Access(request) is { } cookie)
        {
            return new Credential(await FromToken(cookie), WasSent: true, InHeader: false);
        }

        return Cookies.Guest(request) is { } guest ? new Credential(await FromGuest(guest), WasSent: true, InHeader: false) : default;
    }

    /// <summary>SHA-256 as it is stored for keys and tokens that are random enough not to need a slow hash.</summary>
    public static string Hash(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    /// <summary>Null when no header holds a credential of ours; "" when one does and is malformed.</summary>
    private static string? HeaderOf(HttpRequest request)
    {
        var authorization = request.Headers.Authorization;
        if (authorization.Count > 1)
        {
            return "";
        }

        // Basic belongs to a proxy in front of us, which passes it on.
        if (authorization.Count == 1 && authorization[0]!.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return authorization[0]![Bearer.Length..].Trim();
        }

        var key = request.Headers["x-api-key"];
        return key.Count switch
        {
            0 => null,
            1 when key[0]!.StartsWith(KeyPrefix, StringComparison.Ordinal) => key[0],
            _ => "",
        };
    }

    private async ValueTask<CurrentUser?> FromToken(string token)
    {
        if (tokens.Read(token) is not { } claims)
        {
            return null;
        }

        var login = await authCache.Login(claims.LoginId);
        var user = await authCache.User(claims.UserId);
        var good = login is not null && login.UserId == claims.UserId && login.ExpiresAt > clock.GetUtcNow().ToUnixTimeMilliseconds()
            && user is { Status: "ACTIVE" } && user.Epoch == claims.Epoch;
        return good ? new CurrentUser(user!.Id, user.Role, user.Username, user.Epoch, login!.Id, ApiKeyId: null) : null;
    }

    private async ValueTask<CurrentUser?> FromGuest(string token) =>
        token.Length <= 100 && await authCache.Guest(Hash(token)) is { } guest && guest.ExpiresAt > clock.GetUtcNow().ToUnixTimeMilliseconds()
            ? new CurrentUser(guest.Id, "GUEST", null, guest.Epoch, 0, null)
            : null;

    private async ValueTask<Credential> FromKey(string key, Endpoint? endpoint)
    {
        var now = clock.GetUtcNow();
        var row = key.Length <= 200 ? await authCache.Key(Hash(key)) : null;
        var user = row is null ? null : await authCache.User(row.UserId);
        if (row is null || user is not { Status: "ACTIVE" } || row.ExpiresAt <= now.ToUnixTimeMilliseconds())
        {
            return new Credential(null, WasSent: true, InHeader: true);
        }

        background.Forget("noting the use of a key", keys.Touch(row.Id, now)); // nobody waits for the note
        var me = new CurrentUser(user.Id, user.Role, user.Username, user.Epoch, 0, row.Id) { KeyModels = row.Models };
        return new Credential(me, WasSent: true, InHeader: true, KeyOutOfScope: !KeyScopes.Opens(row, endpoint));
    }
}
