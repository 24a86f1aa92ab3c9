using System.Buffers;
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
    CompatCalls compat, KeyedCalls calls, ProviderRegistry providers, SystemSettings settings, TimeProvider clock)
{
    private const int MaxInputs = 2_048;

    /// <summary>Members that are written here. The vectors come as numbers, because few servers know another form.</summary>
    private static readonly HashSet<string> Own = new(StringComparer.Ordinal) { "model", "input", "dimensions", "encoding_format" };

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
        var dimensions = body.Positive("dimensions");
        var rest = provider.TakesTokens ? Rest(body) : default;
        var admission = settings.Admission(me, model, estimated, 0, prompts: inputs.Count + texts.Count) with { Count = 0, Needs = 1 };
        return await compat.Metered(me, model, admission, async (_, _, used) =>
        {
            var begun = clock.GetTimestamp();
            try
            {
                var reply = await calls.Ask(me, model, (endpoint, cancel) => provider.EmbedAsync(
                    new EmbeddingRequest(endpoint, model.Model, inputs, dimensions)
                    {
                        Tokens = texts,
                        ExtraBody = rest,
                        KeepAlive = settings.OllamaKeepAlive,
                    }, cancel), ends);
                var entry = Entry(me, model, reply.PromptTokens, estimated, (long)clock.GetElapsedTime(begun).TotalMilliseconds);
                used.Add(entry);
                return new EmbeddingAnswer(model.PublicId, reply.Vectors, format == "base64", entry.PromptTokens);
            }
            catch (ProviderException error)
            {
                used.Add(CompatCalls.Place(me).Failed(model));
                return VendorErrors.FromProvider(error, context.Request.Path, model.Provider);
            }
        });
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

    /// <summary>The members for a provider of the same protocol, without those that are written here or steer the call.</summary>
    private static ReadOnlyMemory<byte> Rest(JsonElement body)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        foreach (var member in body.EnumerateObject())
        {
            if (!Own.Contains(member.Name) && !Dialect.Steering.Contains(member.Name))
            {
                RequestBody.WriteRaw(json, member);
            }
        }

        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
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
