namespace AiChat.Tests.Architecture;

/// <summary>What all the types below refer to, each by another construct.</summary>
internal class Referred
{
    public static readonly long Field = 1;

    public static string Name() => "";
}

[AttributeUsage(AttributeTargets.All)]
internal sealed class NamingAttribute(Type type) : Attribute
{
    public Type Type => type;
}

internal class ByBase : Referred;

internal interface IByInterface : IEnumerable<Referred>;

internal sealed class ByConstraint<T> where T : Referred;

[Naming(typeof(Referred))]
internal sealed class ByAttribute;

internal sealed class ByField
{
    public readonly Dictionary<int, Referred[]> Held = [];
}

internal abstract class ByParameter
{
    public abstract void Take(ref Referred? one);
}

internal sealed class ByParameterAttribute
{
    public static void Take([Naming(typeof(Referred))] int one) => ArgumentOutOfRangeException.ThrowIfZero(one);
}

internal abstract class ByReturn
{
    public abstract IReadOnlyList<Referred> Give();
}

internal sealed class ByCall
{
    public static string Call() => Referred.Name();
}

internal sealed class ByConstructor
{
    public static object Make() => new Referred();
}

internal sealed class ByStaticField
{
    public static long Read() => Referred.Field;
}

internal sealed class ByCast
{
    public static object? Cast(object thing) => thing as Referred is null ? null : "";
}

internal sealed class ByTypeOf
{
    public static Type Token() => typeof(Referred);
}

internal sealed class ByTypeArgument
{
    public static object Empty() => Array.Empty<Referred>();
}

internal sealed class ByLambda
{
    public static Func<string> Later(int times) => () => string.Concat(Enumerable.Repeat(Referred.Name(), times));
}

internal sealed class ByLocalFunction
{
    public static string Call()
    {
        return Inner();

        static string Inner() => Referred.Name();
    }
}

internal sealed class ByIterator
{
    public static IEnumerable<string> Walk()
    {
        yield return "";
        yield return Referred.Name();
    }
}

internal sealed class ByAwait
{
    public static async Task<string> Wait()
    {
        await Task.Yield();
        return Referred.Name();
    }
}

internal sealed class ByNestedType
{
    internal sealed class Inner
    {
        public static string Call() => Referred.Name();
    }
}

/// <summary>Calls by way of a type argument of its own, before which the compiler writes a token of its own.</summary>
internal sealed class ByTwoByteOpCode<T>
{
    public static int Branch(T thing, int one) => (thing?.ToString()?.Length ?? 0) > one ? (int)Referred.Field : one switch { 0 => 7, 1 => 3, 2 => 9, 3 => 4, 4 => 1, _ => 0 };
}
