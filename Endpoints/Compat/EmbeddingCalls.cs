using System.Runtime.InteropServices;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Providers;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>OpenAI's embeddings (OpenAI API reference: "Create embeddings"), for every provider that offers them.</summary>
internal sealed class EmbeddingCalls(
    CompatCalls compat, ModelCatalog catalog, ProviderRegistry providers, LiveCalls calls, KeyRing keys, SystemSettings settings,
    TimeProvider clock)
{
    private const int MaxInputs = 2_048;

    public Task<IResult> Answer(HttpContext context, CurrentUser me) => compat.Handle(context, me, async (body, ends) =>
    {
        var texts = Tokens(body.Get("input"));
        var inputs = texts.Count > 0 ? [] : body.Strings("input");
        if (texts.Count + inputs.Count is 0 or > MaxInputs || inputs.Any(input => input.Length == 0) || texts.Any(text => text.Count == 0))
        {
            throw CompatRefusal.Bad($"input is a text or a list of 1 to {MaxInputs} texts, none of them empty.");
        }

        var format = body.String("encoding_format") ?? "float";
        if (format is not ("float" or "base64"))
        {
            throw CompatRefusal.Bad("encoding_format is float or base64.");
        }

        var model = compat.Resolve(me, body.Required("model"));
        if (providers.Get(model.Provider) is not IEmbeddingProvider provider)
        {
            throw CompatRefusal.Bad($"The provider of {model.PublicId} has no embeddings.");
        }

        if (texts.Count > 0 && !provider.TakesTokens)
        {
            throw CompatRefusal.Bad($"input: the provider of {model.PublicId} takes texts, not tokens.");
        }

        var estimated = inputs.Sum(input => TokenEstimate.Estimate(input)) + texts.Sum(text => text.Count);
        try
        {
            var dimensions = body.Positive("dimensions");
            var request = new EmbeddingRequest(catalog.Endpoints(model)[0], model.Model, inputs, dimensions) { Tokens = texts };
            var admission = settings.Admission(me, model, estimated, 0, prompts: request.Count);
            return await compat.Metered(me, model, admission, async (_, _, used) =>
            {
                var begun = clock.GetTimestamp();
                var reply = await Embed(provider, me, model, request, ends);
                var entry = Entry(me, model, reply.PromptTokens, estimated, (long)clock.GetElapsedTime(begun).TotalMilliseconds);
                used.Add(entry);
                return new EmbeddingAnswer(model.PublicId, reply.Vectors, format == "base64", entry.PromptTokens);
            });
        }
        catch (ProviderException error)
        {
            return VendorErrors.FromProvider(error);
        }
    });

    /// <summary>The texts of an input that is one list of token numbers or several of them; empty for any other input.</summary>
    private static List<IReadOnlyList<int>> Tokens(JsonElement input)
    {
        if (input.ValueKind != JsonValueKind.Array || input.GetArrayLength() == 0)
        {
            return [];
        }

        return input[0].ValueKind switch
        {
            JsonValueKind.Number => [Numbers(input)],
            JsonValueKind.Array when input.GetArrayLength() <= MaxInputs => [.. input.EnumerateArray().Select(Numbers)],
            JsonValueKind.Array => throw CompatRefusal.Bad($"input has more than {MaxInputs} texts."),
            _ => [],
        };
    }

    private static int[] Numbers(JsonElement text) => text.ValueKind == JsonValueKind.Array
        ? [.. text.EnumerateArray().Select(Number)]
        : throw CompatRefusal.Bad("input mixes texts and tokens.");

    private static int Number(JsonElement token) =>
        token.ValueKind == JsonValueKind.Number && token.TryGetInt32(out var number) && number >= 0
            ? number
            : throw CompatRefusal.Bad("input holds something that is not the number of a token.");

    private async Task<EmbeddingReply> Embed(
        IEmbeddingProvider provider, CurrentUser me, ResolvedModel model, EmbeddingRequest request, CancellationToken cancel)
    {
        var order = keys.Order(catalog.Endpoints(model));
        for (var at = 0; ; at++)
        {
            using var call = calls.Enter(me.Id, me.IsAdmin, model, order[at], cancel);
            try
            {
                return await provider.EmbedAsync(request with { Endpoint = order[at] }, call.Token);
            }
            catch (OperationCanceledException) when (call.CutBy is { } reason)
            {
                throw reason;
            }
            catch (ProviderException error) when (error.IsAboutKey && at + 1 < order.Count)
            {
                keys.Rest(order[at], error);
            }
        }
    }

    private static LedgerEntry Entry(CurrentUser me, ResolvedModel model, int? reported, int estimated, long ms) =>
        CompatCalls.Place(me).Entry(model, "done") with
        {
            PromptTokens = reported ?? estimated,
            Source = reported is null ? "estimate" : "provider",
            Price = model.Price?.ToJson(),
            CostNanos = model.Price?.CostNanos(reported ?? estimated, 0, 0) ?? 0,
            FirstTokenMs = ms,
            TotalMs = ms,
        };
}

/// <summary>Writes the vectors in pieces, because as text they are several times as long as in memory.</summary>
internal sealed class EmbeddingAnswer(string model, IReadOnlyList<float[]> vectors, bool base64, long tokens) : IResult
{
    private const int Piece = 64 * 1024;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var body = httpContext.Response.BodyWriter;
        httpContext.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        for (var at = 0; at < vectors.Count; at++)
        {
            Write(json, at);
            if (json.BytesPending + body.UnflushedBytes > Piece)
            {
                json.Flush();
                await body.FlushAsync(httpContext.RequestAborted);
            }
        }

        json.WriteEndArray();
        json.WriteString("model", model);
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", tokens);
        json.WriteNumber("total_tokens", tokens);
        json.WriteEndObject();
        json.WriteEndObject();
        await json.FlushAsync(httpContext.RequestAborted);
    }

    private void Write(Utf8JsonWriter json, int at)
    {
        json.WriteStartObject();
        json.WriteString("object", "embedding");
        json.WriteNumber("index", at);
        if (base64)
        {
            json.WriteBase64String("embedding", MemoryMarshal.AsBytes(vectors[at].AsSpan())); // little-endian, as the protocol has it
        }
        else
        {
            json.WriteStartArray("embedding");
            foreach (var value in vectors[at])
            {
                json.WriteNumberValue(value);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }
}
