using System.Net;
using System.Text.Json;
using AiChat.Data.NodePlatform;
using AiChat.Endpoints.Catalog;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>A connection of the Node.js platform as the form of one here.</summary>
internal static class ConnectionMapping
{
    private const int MaxPrefix = 32;

    /// <summary>What everybody's keys are encrypted with who set no ENCRYPTION_KEY there.</summary>
    public const string DefaultPassphrase = "aichat-encryption-key-2025";

    /// <param name="passphrases">Tried in this order.</param>
    public static MappedConnection Map(SourceConnection source, IReadOnlyList<string> passphrases)
    {
        var notes = new List<string>();
        var provider = source.Provider?.Trim().ToLowerInvariant() ?? "";
        var baseUrl = source.BaseUrl?.Trim() ?? "";
        var key = Key(source.ApiKey, passphrases, out var lost);
        var form = new ConnectionForm
        {
            Provider = provider,
            BaseUrl = baseUrl,
            AuthType = AuthType(provider, source.AuthType, baseUrl, notes),
            Key = key,
            Headers = Headers(source.Headers, notes),
            AzureApiVersion = provider == "azure_openai" ? source.AzureVersion : null,
            Prefix = Prefix(source.Prefix, notes),
            Tags = [.. Names(source.Tags).Where(tag => tag.Length <= 40).Distinct().Take(20)],
            ModelIds = [.. Names(source.ModelIds).Distinct()],
            DefaultCapabilities = Capabilities(source.Capabilities, denies: false),
            Local = provider == "ollama" || IsPrivate(baseUrl),
            Enabled = source.Enabled ?? true,
        };
        return new MappedConnection(form, lost && form.AuthType is not "none", notes);
    }

    /// <summary>Whether an address is on the machine or in its network, where it may not be reached without saying so.</summary>
    public static bool IsPrivate(string baseUrl)
    {
        if (!Uri.TryCreate(baseUrl, UriKind.Absolute, out var url))
        {
            return false;
        }

        var host = url.IdnHost.TrimEnd('.');
        return IPAddress.TryParse(host, out var address)
            ? !ProviderAddress.IsAllowed(address, NetworkScope.External)
                && ProviderAddress.IsAllowed(address, NetworkScope.Loopback | NetworkScope.Private)
            : !host.Contains('.') || LocalEndings.Any(ending => host.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
    }

    private static readonly string[] LocalEndings =
        [".local", ".localhost", ".internal", ".lan", ".home", ".home.arpa", ".intranet", ".corp", ".docker"];

    /// <summary>The flags that both know; a text that is no JSON object says nothing.</summary>
    /// <param name="denies">A false denies. Of a whole connection it did not: what is known of a model's family was stronger.</param>
    public static CapabilityLayer? Capabilities(string? json, bool denies)
    {
        using var document = Parse(json);
        if (document?.RootElement is not { ValueKind: JsonValueKind.Object } root)
        {
            return null;
        }

        var flags = root.TryGetProperty("flags", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : root;
        bool? Flag(string name) => !flags.TryGetProperty(name, out var value) ? null
            : value.ValueKind == JsonValueKind.True ? true
            : denies && value.ValueKind == JsonValueKind.False ? false
            : null;

        return new CapabilityLayer { Vision = Flag("vision"), WebSearch = Flag("web_search"), ImageGeneration = Flag("image_generation") };
    }

    /// <summary>A list of texts, or of objects with a name.</summary>
    public static IEnumerable<string> Names(string? json)
    {
        using var document = Parse(json);
        return document?.RootElement is { ValueKind: JsonValueKind.Array } list
            ? [.. list.EnumerateArray().Select(Name).OfType<string>().Select(name => name.Trim()).Where(name => name.Length > 0)]
            : [];

        static string? Name(JsonElement item) => item.ValueKind switch
        {
            JsonValueKind.String => item.GetString(),
            JsonValueKind.Object when item.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String =>
                name.GetString(),
            _ => null,
        };
    }

    public static JsonDocument? Parse(string? json)
    {
        try
        {
            return string.IsNullOrWhiteSpace(json) ? null : JsonDocument.Parse(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Key(string? stored, IReadOnlyList<string> passphrases, out bool lost)
    {
        lost = false;
        if (string.IsNullOrWhiteSpace(stored))
        {
            return null;
        }

        var candidates = CryptoJs.IsSealed(stored) ? passphrases.Select(passphrase => CryptoJs.Open(stored, passphrase)) : [stored.Trim()];
        var key = candidates.FirstOrDefault(one => one is not null && ProviderHeaders.ValidateKey(one.Trim()) is null)?.Trim();
        lost = key is null;
        return key;
    }

    private static string? AuthType(string provider, string? there, string baseUrl, List<string> notes)
    {
        switch (there?.Trim().ToLowerInvariant())
        {
            case "none":
                return "none";
            case "session":
                notes.Add("signed in by the session, which nothing did there either: no key");
                return "none";
            case "system_oauth":
                notes.Add("took its token from SYSTEM_OAUTH_TOKEN: enter it as the key");
                return "bearer";
            case "microsoft_entra_id" when provider == "azure_openai" && Uri.TryCreate(baseUrl, UriKind.Absolute, out var url)
                && Providers.OpenAi.EntraTokens.IsAllowed(url):
                notes.Add("signs in by Microsoft Entra: enter its credentials as the key");
                return "entra";
            case "microsoft_entra_id":
                notes.Add("took its token from AZURE_ACCESS_TOKEN: enter a key");
                return null;
            default:
                return null; // that of the provider
        }
    }

    private static Dictionary<string, string>? Headers(string? json, List<string> notes)
    {
        using var document = Parse(json);
        if (document?.RootElement is not { ValueKind: JsonValueKind.Object } root)
        {
            return null;
        }

        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var header in root.EnumerateObject())
        {
            var value = header.Value.ValueKind == JsonValueKind.String ? header.Value.GetString()!.Trim() : header.Value.GetRawText();
            if (ProviderHeaders.Validate(header.Name, value) is { } broken)
            {
                notes.Add($"left out the header {header.Name}: {broken}");
            }
            else if (headers.Count < ProviderHeaders.MaxCount)
            {
                headers[header.Name] = value;
            }
        }

        return headers.Count == 0 ? null : headers;
    }

    private static string? Prefix(string? there, List<string> notes)
    {
        var text = there?.Trim() ?? "";
        var plain = string.Concat(text.Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_').Take(MaxPrefix));
        if (plain != text)
        {
            notes.Add($"its prefix {text} is now {(plain.Length == 0 ? "empty" : plain)}");
        }

        return plain.Length == 0 ? null : plain;
    }
}

/// <param name="LostKey">It has a key there that could not be opened.</param>
/// <param name="Notes">What is different here.</param>
internal sealed record MappedConnection(ConnectionForm Form, bool LostKey, IReadOnlyList<string> Notes);
