using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>Fetches and bounds model lists, and reads members of JSON whose shape cannot be trusted.</summary>
internal static class ProviderModels
{
    public const int MaxBytes = 4 * 1024 * 1024;

    private static readonly ChatTimeouts Limits = new()
    {
        FirstByte = TimeSpan.FromSeconds(15),
        ReasoningIdle = TimeSpan.FromSeconds(15),
        Total = TimeSpan.FromSeconds(30),
    };

    /// <summary>One JSON document, by GET or POST, within 30 seconds.</summary>
    public static async Task<JsonDocument> GetAsync(ProviderHttp http, ProviderCall call, CancellationToken cancel, int maxBytes = MaxBytes)
    {
        var body = await GetBytesAsync(http, call, maxBytes, cancel);
        try
        {
            var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 32 });
            ThrowIfError(document.RootElement, call.Endpoint);
            return document;
        }
        catch (JsonException exception)
        {
            throw NotJson(exception);
        }
    }

    /// <summary>The whole reply as it came.</summary>
    public static async Task<ReadOnlyMemory<byte>> GetBytesAsync(
        ProviderHttp http, ProviderCall call, int maxBytes, CancellationToken cancel)
    {
        try
        {
            await using var reply = await http.SendAsync(call with { Timeouts = Limits }, cancel);
            return await reply.ReadAllAsync(maxBytes);
        }
        catch (ProviderException error) when (error.UpstreamStatus is 404 or 405 && call.Body is null)
        {
            // Only the address shows what is wrong with it. The key is never part of it: it goes in a header.
            var asked = ProviderRedactor.Clean(call.Url.GetLeftPart(UriPartial.Path), call.Endpoint);
            throw new ProviderException(
                error.Failure, $"{asked} was asked for and answered {error.UpstreamStatus}: {error.Detail}", error.RetryAfter,
                error.UpstreamStatus, error)
            {
                Reason = new CallReason("not_there", $"{asked} (HTTP {error.UpstreamStatus})"),
            };
        }
    }

    /// <summary>Throws the error that some servers report under status 200.</summary>
    public static void ThrowIfError(ReadOnlyMemory<byte> body, ProviderEndpoint endpoint)
    {
        if (body.Length <= ProviderErrors.MaxBody)
        {
            using var document = JsonDocument.Parse(body);
            ThrowIfError(document.RootElement, endpoint);
        }
    }

    private static void ThrowIfError(JsonElement root, ProviderEndpoint endpoint)
    {
        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("error", out var error)
            && error.ValueKind is JsonValueKind.Object or JsonValueKind.String)
        {
            throw ProviderErrors.FromError(ErrorText.Read(root), endpoint);
        }
    }

    /// <summary>The usable entries, each id once. A value that is not a list, or has too many entries, is an error.</summary>
    public static IReadOnlyList<ProviderModel> Read(JsonElement list, Func<JsonElement, string?, ProviderModel?> read)
    {
        if (list.ValueKind != JsonValueKind.Array)
        {
            throw new ProviderException(ProviderFailure.Protocol, "The provider's reply is not a list of models. Is the base URL right?")
            {
                Reason = new CallReason("no_list"),
            };
        }

        var models = new List<ProviderModel>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in list.EnumerateArray())
        {
            var model = item.ValueKind == JsonValueKind.String ? read(default, LenientJson.Read(item)) : read(item, null);
            if (model is null || model.Id.Length > ProviderModel.MaxIdLength || !ProviderUrl.IsSegment(model.Id) || !seen.Add(model.Id))
            {
                continue;
            }

            var isNameUnfit = model.Name?.Length > ProviderModel.MaxIdLength || model.Name?.Any(char.IsControl) == true;
            models.Add(isNameUnfit ? model with { Name = null } : model);
            if (models.Count > ProviderModel.MaxCount)
            {
                throw new ProviderException(ProviderFailure.TooLarge, $"The provider lists more than {ProviderModel.MaxCount} models.");
            }
        }

        return models;
    }

    public static JsonElement Child(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : default;

    public static string? Text(this JsonElement element, string name) =>
        LenientJson.Read(element.Child(name));

    public static int? Number(this JsonElement element, string name) =>
        element.Child(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out var number) && number > 0 ? number : null;

    public static bool? Flag(this JsonElement element, string name) => element.Child(name).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    /// <summary>Null when this is not a list.</summary>
    public static bool? Contains(this JsonElement list, string word) =>
        list.ValueKind != JsonValueKind.Array
            ? null
            : list.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.String && item.ValueEquals(word));

    public static ProviderException NotJson(JsonException inner) =>
        new(ProviderFailure.Protocol, "The provider's reply is not JSON. Is the base URL right?", inner: inner)
        {
            Reason = new CallReason("not_json"),
        };
}
