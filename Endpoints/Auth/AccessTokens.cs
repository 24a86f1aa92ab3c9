using System.Collections.Concurrent;
using System.Globalization;
using System.IdentityModel.Tokens.Jwt;
using System.Text.Json;
using AiChat.Data;
using AiChat.Endpoints.Secrets;
using Microsoft.IdentityModel.Tokens;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Issues and reads access tokens: HS256 JWTs that live ten minutes and name a login and the user's epoch. The claims of a valid token are
/// cached, so that the many requests of a page verify the signature once. Whether login and user are still valid is not checked here.
/// </summary>
internal sealed class AccessTokens(SecretCipher cipher, InstanceMarker instance, TimeProvider clock)
{
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    private const string Issuer = "aichat";

    /// <summary>RFC 9068. A token of another type is not an access token.</summary>
    private const string TokenType = "at+jwt";

    /// <summary>Far above the length of issued tokens. A longer one is not parsed.</summary>
    public const int MaxToken = 2_048;

    /// <summary>A token issued further in the future means that the clock was wrong then or was set back since.</summary>
    private static readonly TimeSpan MaxAhead = TimeSpan.FromMinutes(1);

    /// <summary>About 6 MB when full.</summary>
    private const int MaxCached = 10_000;

    private readonly JwtSecurityTokenHandler _handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = MaxToken };
    private volatile Signing? _signing;

    /// <summary>What follows from the key; made anew when the key has changed, so that no token of the old one is valid.</summary>
    private Signing Now
    {
        get
        {
            var key = cipher.Key(SecretPurpose.Jwt);
            return _signing is { } signing && ReferenceEquals(signing.Key, key) ? signing : _signing = Sign(key);
        }
    }

    public string Issue(long userId, long epoch, long loginId)
    {
        var now = clock.GetUtcNow();
        var payload = new JwtPayload
        {
            [JwtRegisteredClaimNames.Iss] = Issuer,
            [JwtRegisteredClaimNames.Aud] = instance.InstallId,
            [JwtRegisteredClaimNames.Sub] = userId.ToString(CultureInfo.InvariantCulture),
            [JwtRegisteredClaimNames.Sid] = loginId.ToString(CultureInfo.InvariantCulture),
            ["epoch"] = epoch.ToString(CultureInfo.InvariantCulture),
            [JwtRegisteredClaimNames.Iat] = now.ToUnixTimeSeconds(),
            [JwtRegisteredClaimNames.Exp] = (now + Life).ToUnixTimeSeconds(),
        };
        var signing = new SigningCredentials(Now.Rules.IssuerSigningKey, SecurityAlgorithms.HmacSha256);
        return _handler.WriteToken(new JwtSecurityToken(new JwtHeader(signing, null, TokenType), payload));
    }

    /// <summary>The claims of the token, or null when it is invalid or expired.</summary>
    public AccessClaims? Read(ReadOnlySpan<char> token)
    {
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        var signing = Now;
        if (signing.Known.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(token, out var known))
        {
            return IsNow(known, now) ? known : null;
        }

        var text = token.ToString();
        var claims = Validate(text, signing.Rules);
        if (claims is not null)
        {
            Evict(signing.Known, now);
            signing.Known[text] = claims;
        }

        return claims;
    }

    private Signing Sign(byte[] key) => new(
        key,
        new TokenValidationParameters
        {
            ValidAlgorithms = [SecurityAlgorithms.HmacSha256],
            ValidTypes = [TokenType],
            ValidIssuer = Issuer,
            ValidAudience = instance.InstallId,
            IssuerSigningKey = new SymmetricSecurityKey(key),
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            LifetimeValidator = (notBefore, expires, _, _) => IsNow(notBefore, expires, clock.GetUtcNow().UtcDateTime),
        },
        new ConcurrentDictionary<string, AccessClaims>(StringComparer.Ordinal));

    private AccessClaims? Validate(string token, TokenValidationParameters rules)
    {
        if (token.Length > MaxToken)
        {
            return null;
        }

        try
        {
            _handler.ValidateToken(token, rules, out var valid);
            var payload = ((JwtSecurityToken)valid).Payload;
            return Number(payload, JwtRegisteredClaimNames.Sub) is { } user && Number(payload, JwtRegisteredClaimNames.Sid) is { } login
                && Number(payload, "epoch") is { } epoch && payload.Expiration is { } expires
                && Time(payload, JwtRegisteredClaimNames.Iat) is { } issued
                && new AccessClaims(user, login, epoch, issued, expires) is var claims
                && IsNow(claims, clock.GetUtcNow().ToUnixTimeSeconds())
                ? claims
                : null;
        }
        catch (Exception error) when (error is SecurityTokenException or ArgumentException or FormatException or JsonException)
        {
            return null;
        }
    }

    private static void Evict(ConcurrentDictionary<string, AccessClaims> known, long now)
    {
        if (known.Count < MaxCached)
        {
            return;
        }

        foreach (var entry in known.Where(entry => entry.Value.ExpiresAt <= now))
        {
            known.TryRemove(entry.Key, out _);
        }

        if (known.Count >= MaxCached)
        {
            known.Clear();
        }
    }

    private static bool IsNow(DateTime? notBefore, DateTime? expires, DateTime now) =>
        expires is { } end && now < end && (notBefore is not { } start || start <= now);

    private static bool IsNow(AccessClaims claims, long now) => claims.ExpiresAt > now && claims.IssuedAt <= now + MaxAhead.TotalSeconds;

    private static long? Time(JwtPayload payload, string name) =>
        payload.TryGetValue(name, out var value) ? value as long? ?? value as int? : null;

    private static long? Number(JwtPayload payload, string name) =>
        payload.TryGetValue(name, out var value) && value is string text
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>A key, the rules for its tokens, and the claims of those that were valid.</summary>
    private sealed record Signing(byte[] Key, TokenValidationParameters Rules, ConcurrentDictionary<string, AccessClaims> Known);
}

/// <summary>The claims of an access token; times are in unix seconds.</summary>
internal sealed record AccessClaims(long UserId, long LoginId, long Epoch, long IssuedAt, long ExpiresAt);
