using System.Text.Json;
using AiChat.Data.Catalog;
using AiChat.Endpoints.Settings;
using AiChat.Providers;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Catalog;

/// <summary>
/// Applies a form to a connection, or to a new one, and validates the result. Members missing from the form keep their value. A secret
/// that is not entered again never moves to another origin than the one it was entered for.
/// </summary>
internal sealed class ConnectionDraft
{
    /// <summary>Stands for a stored header value. No header value can contain this character.</summary>
    public const string Mask = "••••••••";

    private readonly ConnectionForm _form;
    private readonly ConnectionRow? _old;
    private readonly ConnectionSecrets _secrets;
    private string? _pastedVersion;
    private readonly Dictionary<string, string[]> _errors = new(StringComparer.Ordinal);

    private ConnectionDraft(ConnectionForm form, ConnectionRow? old, ConnectionSecrets secrets)
    {
        _form = form;
        _old = old;
        _secrets = secrets;
        Row = old ?? new ConnectionRow { RowUuid = Guid.NewGuid().ToString("N"), Enabled = true };
    }

    public ConnectionRow Row { get; private set; }

    /// <summary>Validation errors by field; empty when the draft may be saved.</summary>
    public IReadOnlyDictionary<string, string[]> Errors => _errors;

    public static ConnectionDraft Merge(ConnectionForm form, ConnectionRow? old, ConnectionSecrets secrets, ProviderRegistry providers)
    {
        var draft = new ConnectionDraft(form, old, secrets);
        draft.Address(providers);
        draft.Labels();
        draft.Lists();
        draft.Way();
        var moved = old is null ? null : draft.Moved(old);
        draft.Keys(moved);
        draft.Headers(moved);
        return draft;
    }

    private void Address(ProviderRegistry providers)
    {
        var provider = _form.Provider ?? Row.Provider;
        if (!providers.Kinds.Contains(provider))
        {
            _errors["provider"] = [$"The provider is one of {string.Join(", ", providers.Kinds.Order(StringComparer.Ordinal))}."];
        }

        var local = _form.Local ?? (_old is null ? provider == "ollama" : Row.Local);
        var baseUrl = _form.BaseUrl is { } entered ? WithoutVersion(string.Concat(entered.Where(IsPrinted))) : Row.BaseUrl;
        if (provider == "demo")
        {
            baseUrl = "";
        }
        else if (ProviderUrl.Parse(baseUrl, ModelCatalog.Scope(local), out var url, out var reason))
        {
            baseUrl = url.AbsoluteUri.TrimEnd('/');
        }
        else
        {
            _errors["baseUrl"] = [reason];
        }

        var authType = _form.AuthType ?? (_old is null || Row.Provider != provider ? DefaultAuth(provider) : Row.AuthType);
        if (authType is not ("bearer" or "api_key" or "none" or "entra") || (authType == "entra" && provider != "azure_openai"))
        {
            _errors["authType"] = ["The way to sign in is bearer, api_key, none or, for Azure, entra."];
        }
        else if (authType == "entra" && !(Uri.TryCreate(baseUrl, UriKind.Absolute, out var azure) && EntraTokens.IsAllowed(azure)))
        {
            _errors["baseUrl"] = ["Entra signs in to Azure's own hosts only."];
        }

        Row = Row with { Provider = provider, BaseUrl = baseUrl, Local = local, AuthType = authType };
    }

    /// <summary>An address copied from a page brings blanks, line breaks and invisible characters with it.</summary>
    private static bool IsPrinted(char letter) => !char.IsWhiteSpace(letter) && !char.IsControl(letter)
        && char.GetUnicodeCategory(letter) != System.Globalization.UnicodeCategory.Format;

    /// <summary>An address of Azure is copied with its version, which is a field of its own.</summary>
    private string WithoutVersion(string address)
    {
        const string Name = "?api-version=";
        var at = address.IndexOf(Name, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
        {
            return address;
        }

        var version = address[(at + Name.Length)..];
        if (!version.Contains('&') && string.IsNullOrWhiteSpace(_form.AzureApiVersion))
        {
            _pastedVersion = version;
        }

        return address[..at];
    }

    private string DefaultAuth(string provider) => provider switch
    {
        "demo" => "none",
        "azure_openai" => "api_key",
        "ollama" when string.IsNullOrEmpty(_form.Key) && _form.Keys is null => "none",
        _ => "bearer",
    };

    private void Labels()
    {
        var name = _form.Name?.Trim() ?? (Row.Name.Length > 0 ? Row.Name : DefaultName());
        Require(
            name.Length is >= 1 and <= Connections.MaxNameLength && !name.Any(char.IsControl), "name",
            $"A name has 1 to {Connections.MaxNameLength} characters.");
        var prefix = _form.Prefix?.Trim() ?? Row.Prefix ?? "";
        Require(
            prefix.Length <= 32 && prefix.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'), "prefix",
            "A prefix has at most 32 letters, digits, - or _.");
        var version = _pastedVersion ?? _form.AzureApiVersion?.Trim() ?? Row.AzureApiVersion ?? "";
        Require(
            version.Length <= 40 && version.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.'), "azureApiVersion",
            "An API version is a date such as 2024-10-21, or v1.");
        var position = _form.Position ?? Row.Position;
        Require(position is >= 0 and <= 100_000, "position", "A position is a whole number from 0 to 100000.");
        Row = Row with
        {
            Name = name,
            Prefix = prefix.Length == 0 ? null : prefix,
            AzureApiVersion = version.Length == 0 ? null : version,
            Position = position,
            Enabled = _form.Enabled ?? Row.Enabled,
        };
    }

    private string DefaultName() =>
        Uri.TryCreate(Row.BaseUrl, UriKind.Absolute, out var url) && url.Host.Length is > 0 and <= Connections.MaxNameLength
            ? url.Host
            : Row.Provider;

    private void Lists()
    {
        if (_form.Tags is { } tags)
        {
            Require(
                tags.Length <= 20 && tags.All(tag => tag is { Length: >= 1 and <= 40 } && !tag.Any(char.IsControl)), "tags",
                "There are at most 20 tags of 1 to 40 characters.");
            Row = Row with { Tags = Store(tags) };
        }

        if (_form.ModelIds is { } ids)
        {
            Require(
                ids.Length <= 1_000 && ids.All(IsModelId),
                "modelIds",
                $"There are at most 1000 model ids of 1 to {ProviderModel.MaxIdLength} characters without spaces, "
                + "and none is only one or two dots.");
            Row = Row with { ModelIds = Store([.. ids.Distinct(StringComparer.Ordinal)]) };
        }

        if (_form.DefaultCapabilities is { } capabilities)
        {
            Row = Row with { DefaultCapabilities = JsonSerializer.Serialize(capabilities, CatalogRowJson.Default.CapabilityLayer) };
        }
    }

    /// <summary>The proxy and the authorities: how the provider is reached, and by what it is known.</summary>
    private void Way()
    {
        if (_form.Proxy is { } choice && !(Row.SecretProxy is not null && choice == Row.Proxy))
        {
            var proxy = (string?)SettingTable.OutboundProxy.Parse(choice, out var broken);
            Require(broken is null, "proxy", $"The proxy {broken}.");
            Row = proxy is null ? Row : _secrets.WithProxy(Row, proxy);
        }

        Require(
            !Row.Local || Row.SecretProxy is null, "proxy",
            "A connection to private addresses is made directly. Switch that off, or use no proxy here.");
        if (_form.CaPem is { } text)
        {
            string? broken = null;
            var pem = string.IsNullOrWhiteSpace(text) ? null : CertificateTrust.Check(text, out broken);
            Require(broken is null, "caPem", broken ?? "");
            Row = Row with { CaPem = pem };
        }
    }

    /// <summary>
    /// Null when the stored secrets go where they were entered for, else the change that could bring them to somebody else: to another
    /// address, to whoever holds a certificate of another authority, or in clear through another proxy.
    /// </summary>
    private string? Moved(ConnectionRow old) =>
        IsElsewhere(old) ? "The address changed"
            : Row.CaPem is not null && Row.CaPem != old.CaPem ? "The certificate authority changed"
            : Row.SecretProxy is not null && Row.SecretProxy != old.SecretProxy
                && Row.BaseUrl.StartsWith("http://", StringComparison.OrdinalIgnoreCase) ? "The proxy changed"
            : null;

    private bool IsElsewhere(ConnectionRow old) =>
        !Uri.TryCreate(old.BaseUrl, UriKind.Absolute, out var before) || !Uri.TryCreate(Row.BaseUrl, UriKind.Absolute, out var after)
            ? old.BaseUrl != Row.BaseUrl
            : !ProviderUrl.SameOrigin(before, after);

    private void Keys(string? moved)
    {
        if (Row.AuthType == "none")
        {
            Row = _secrets.WithKeys(Row, []);
            return;
        }

        var entered = _form.Keys ?? (string.IsNullOrEmpty(_form.Key) ? null : [_form.Key]);
        var hints = StoredJson.Read(_old?.KeyHints, CatalogRowJson.Default.StringArray) ?? [];
        if (entered is null || (hints.Length > 0 && entered.SequenceEqual(hints)))
        {
            Require(moved is null || Row.SecretKeys is null, "key", $"{moved}: enter the key again.");
            return;
        }

        var stored = _old is null ? [] : _secrets.Keys(_old) ?? [];
        List<string> keys = [];
        foreach (var key in entered)
        {
            // A hint is the end of a stored key and stands for that key.
            var at = Array.IndexOf(hints, key);
            if (at >= 0 && at < stored.Count)
            {
                Require(moved is null, "key", $"{moved}: enter the key again.");
                keys.Add(stored[at]);
            }
            else
            {
                Require(ProviderHeaders.ValidateKey(key ?? "") is null, "key", ProviderHeaders.ValidateKey(key ?? "") ?? "");
                keys.Add(key ?? "");
            }
        }

        Require(keys.Count <= 20, "keys", "There are at most 20 keys.");
        if (_errors.Count == 0)
        {
            Row = _secrets.WithKeys(Row, keys);
        }
    }

    private void Headers(string? moved)
    {
        if (_form.Headers is not { } entered)
        {
            Require(moved is null || Row.SecretHeaders is null, "headers", $"{moved}: enter the header values again.");
            return;
        }

        var stored = new Dictionary<string, string>(
            _old is null ? [] : _secrets.Headers(_old) ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase);
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in entered)
        {
            var masked = value == Mask && stored.ContainsKey(name);
            var text = masked ? stored[name] : value ?? "";
            var reason = masked && moved is not null ? $"{moved}: enter the header values again." : ProviderHeaders.Validate(name, text);
            Require(reason is null && headers.TryAdd(name, text), "headers", reason ?? $"The header {name} is there twice.");
        }

        Require(headers.Count <= ProviderHeaders.MaxCount, "headers", $"There are at most {ProviderHeaders.MaxCount} headers.");
        if (_errors.Count == 0)
        {
            Row = _secrets.WithHeaders(Row, headers);
        }
    }

    private static bool IsModelId(string? id) =>
        id is { Length: >= 1 and <= ProviderModel.MaxIdLength } && ProviderUrl.IsSegment(id) && !id.Any(char.IsWhiteSpace);

    private static string Store(string[] items) => JsonSerializer.Serialize(items, CatalogRowJson.Default.StringArray);

    private void Require(bool holds, string field, string rule)
    {
        if (!holds)
        {
            _errors.TryAdd(field, [rule]);
        }
    }
}

/// <summary>A connection as an administrator edits it. Absent members keep their value; empty texts and lists clear it.</summary>
public sealed record ConnectionForm
{
    /// <summary>Only for verification: the saved connection that the form changes.</summary>
    public long? Id { get; init; }

    public string? Name { get; init; }

    public string? Provider { get; init; }

    public string? BaseUrl { get; init; }

    public string? AuthType { get; init; }

    /// <summary>A new key that replaces all stored keys.</summary>
    public string? Key { get; init; }

    /// <summary>Several keys in the order they are tried; a hint stands for the stored key.</summary>
    public string[]? Keys { get; init; }

    /// <summary>All extra headers; the mask stands for the stored value.</summary>
    public Dictionary<string, string>? Headers { get; init; }

    public string? AzureApiVersion { get; init; }

    public string? Prefix { get; init; }

    public string[]? Tags { get; init; }

    public string[]? ModelIds { get; init; }

    public CapabilityLayer? DefaultCapabilities { get; init; }

    public bool? Local { get; init; }

    /// <summary><c>inherit</c>, <c>none</c> or the address of a proxy; the address as it is shown stands for the stored one.</summary>
    public string? Proxy { get; init; }

    /// <summary>Certificate authorities in PEM form; empty trusts the system's.</summary>
    public string? CaPem { get; init; }

    public bool? Enabled { get; init; }

    public int? Position { get; init; }
}
